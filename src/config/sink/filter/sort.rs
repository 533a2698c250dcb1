//! What an expression comes to, as far as it can be told before there is an event: whether it can be true or false at all.

use cel::common::ast::operators::{ADD, CONDITIONAL, DIVIDE, MODULO, MULTIPLY, NEGATE, SUBSTRACT};
use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue};

use super::{EVENT, parts};

/// Functions of the library whose answers are neither true nor false.
const NEVER: [&str; 14] = [
    ADD,
    SUBSTRACT,
    MULTIPLY,
    DIVIDE,
    MODULO,
    NEGATE,
    "size",
    "string",
    "int",
    "uint",
    "double",
    "bytes",
    "duration",
    "timestamp",
];

/// Why it would say nothing of any event, or the same of all, if that is so.
pub(super) fn pointless(expression: &IdedExpr) -> Option<&'static str> {
    if is_no_answer(expression) {
        return Some("it is neither true nor false for any event: compare it with something (==, <, in)");
    }
    (!asks_for_the_event(expression))
        .then_some("it asks for nothing in `event`, and so says the same of every event: ask for something, or leave it out")
}

fn is_no_answer(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Call(call) if call.func_name == CONDITIONAL => call.args.iter().skip(1).any(is_no_answer),
        Expr::Call(call) => NEVER.contains(&call.func_name.as_str()),
        Expr::Comprehension(walk) => collects(walk),
        Expr::Ident(name) => name == EVENT,
        Expr::Select(_) | Expr::Unspecified => false,
    }
}

/// Whether a macro answers with a list (map, filter).
fn collects(walk: &ComprehensionExpr) -> bool {
    let as_it_is = matches!(&walk.result.expr, Expr::Ident(name) if *name == walk.accu_var);
    as_it_is && is_no_answer(&walk.accu_init)
}

fn asks_for_the_event(expression: &IdedExpr) -> bool {
    let asked = matches!(&expression.expr, Expr::Ident(name) if name == EVENT);
    asked || parts(expression).into_iter().any(asks_for_the_event)
}
