//! `filter`: an expression in the Common Expression Language (CEL) that says of each event whether a sink wants it.
//!
//! The library evaluates an expression to its end, so that its cost is bounded by what is taken: it is short, its brackets
//! are not deep, and no macro that walks a list stands in another. Then the time grows with the event's size and no faster.

mod sort;

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, MapExpr, StructExpr};
use cel::{Context, Env, ExecutionError, ParseErrors, Program, Value};
use serde::{Deserialize, Deserializer};

use crate::config::values;
use crate::model::Event;

/// Longest expression taken, in characters.
const LONGEST: usize = 2000;
/// How deep its brackets may be, and what comes of reading it: the library goes down by calling itself.
const DEEPEST_BRACKETS: usize = 24;
const DEEPEST: usize = 64;
/// Bytes for reading it, of which only those are taken that are used: without optimisation, the library wants some 40 KB for
/// each character of the worst.
const STACK: usize = 256 * 1024 * 1024;
/// What it may ask for.
const EVENT: &str = "event";

/// A filter expression.
#[derive(Clone)]
pub struct Filter {
    text: String,
    program: Arc<Program>,
    library: Arc<Env>,
}

/// What an expression says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is wanted.
    Wanted,
    /// It is not. So it is where the expression asks for a property that the event does not have.
    Unwanted,
    /// Nothing, and why: its types do not fit, or it is neither true nor false.
    Nothing(String),
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// With what is wrong with it, where, and what to write.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("a filter has at most {LONGEST} characters: write a shorter one"));
        }
        if brackets(text) > DEEPEST_BRACKETS {
            return Err(format!("a filter's brackets are at most {DEEPEST_BRACKETS} deep"));
        }
        let library = Arc::new(Env::stdlib());
        let program = compile(text, &library)?;
        Ok(Self { text: text.to_owned(), program: Arc::new(program), library })
    }

    /// What it says of an event.
    pub fn says_of(&self, event: &Event) -> Said {
        let evaluated = catch_unwind(AssertUnwindSafe(|| self.evaluate(event)));
        match evaluated {
            Ok(Ok(Value::Bool(true))) => Said::Wanted,
            Ok(Ok(Value::Bool(false)) | Err(ExecutionError::NoSuchKey(_))) => Said::Unwanted,
            Ok(Ok(_)) => Said::Nothing("it is neither true nor false".to_owned()),
            Ok(Err(error)) => Said::Nothing(kind_of(&error).to_owned()),
            Err(_) => Said::Nothing("it broke off".to_owned()),
        }
    }

    fn evaluate(&self, event: &Event) -> Result<Value, ExecutionError> {
        let internal = |error: String| ExecutionError::InternalError(error);
        let event = serde_json::to_value(event).map_err(|error| internal(error.to_string()))?;
        let mut context = Context::with_env(Arc::clone(&self.library));
        context.add_variable_from_value(EVENT, value(event));
        self.program.execute(&context)
    }
}

/// Reads an expression and looks through it, on a thread with room enough for as deep as it can get until it is refused.
fn compile(text: &str, library: &Arc<Env>) -> Result<Program, String> {
    let (text, library) = (text.to_owned(), Arc::clone(library));
    let reading = move || {
        let program = library.compile(&text).map_err(|errors| first(&errors))?;
        look_through(program.expression(), 0, None)?;
        match sort::pointless(program.expression()) {
            Some(why) => Err(why.to_owned()),
            None => Ok(program),
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(reading);
    let read = thread.map_err(|error| format!("it cannot be read now: {error}"))?.join();
    read.unwrap_or_else(|_| Err("it cannot be read".to_owned()))
}

/// JSON as the library has it. Whole numbers are signed, as those that an expression holds are.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(bool) => Value::Bool(bool),
        serde_json::Value::Number(number) => {
            let whole = number.as_i64().map(Value::Int).or_else(|| number.as_u64().map(Value::UInt));
            whole.unwrap_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)))
        }
        serde_json::Value::String(text) => Value::String(Arc::new(text)),
        serde_json::Value::Array(all) => Value::List(Arc::new(all.into_iter().map(value).collect())),
        serde_json::Value::Object(all) => {
            let all: HashMap<String, Value> = all.into_iter().map(|(key, one)| (key, value(one))).collect();
            Value::Map(all.into())
        }
    }
}

/// In words of ours: the library's hold values of the event.
fn kind_of(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::UndeclaredReference(_) => "it calls a function that there is not",
        ExecutionError::InvalidArgumentCount { .. } | ExecutionError::MissingArgumentOrTarget => {
            "it calls a function with too many arguments or too few"
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero",
        ExecutionError::Overflow(..) => "a number in it becomes too large",
        ExecutionError::IndexOutOfBounds(_) => "it asks for an element that a list does not have",
        ExecutionError::FunctionError { .. } => "a function in it cannot use what it is given",
        _ => "the types in it do not fit",
    }
}

/// How deep the brackets are; those in texts count, too.
fn brackets(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The first error, with its place.
fn first(errors: &ParseErrors) -> String {
    let Some(error) = errors.errors.first() else { return "it cannot be read".to_owned() };
    let (line, column) = error.pos;
    // What could stand there instead is a long list of everything.
    let message =
        error.msg.lines().next().and_then(|line| line.split(" expecting ").next()).unwrap_or_default();
    format!("it cannot be read at line {line}, column {column} of the expression: {message}")
}

/// Refuses what would take too long or go too deep, and names that stand for nothing. `walk`: the macro that this is in.
fn look_through(expression: &IdedExpr, depth: usize, walk: Option<&ComprehensionExpr>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!(
            "parts of it are within one another more than {DEEPEST} deep: write a simpler one"
        ));
    }
    let below = |part: &IdedExpr| look_through(part, depth + 1, walk);
    match &expression.expr {
        Expr::Comprehension(_) if walk.is_some() => {
            let macros = "a macro that walks a list (all, exists, exists_one, map, filter)";
            Err(format!("{macros} stands in another, which can take very long: use one at a time"))
        }
        Expr::Comprehension(walk) => {
            below(&walk.iter_range)?;
            let parts = [&walk.accu_init, &walk.loop_cond, &walk.loop_step, &walk.result];
            parts.into_iter().try_for_each(|part| look_through(part, depth + 1, Some(walk)))
        }
        Expr::Ident(name) if name != EVENT && !walk.is_some_and(|walk| binds(walk, name)) => {
            Err(format!("it knows nothing of '{name}': all that it can ask for is in `{EVENT}`"))
        }
        _ => parts(expression).into_iter().try_for_each(below),
    }
}

/// What it is made of.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(MapExpr { entries }) | Expr::Struct(StructExpr { entries, .. }) => {
            entries.iter().flat_map(|entry| entry_of(&entry.expr)).collect()
        }
        Expr::Comprehension(walk) => {
            vec![&walk.iter_range, &walk.accu_init, &walk.loop_cond, &walk.loop_step, &walk.result]
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => vec![],
    }
}

fn binds(walk: &ComprehensionExpr, name: &str) -> bool {
    name == walk.iter_var || name == walk.accu_var || walk.iter_var2.as_deref() == Some(name)
}

fn entry_of(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        values::text(deserializer, Self::read)
    }
}

#[cfg(test)]
mod tests;
