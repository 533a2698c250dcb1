//! Reads a source file just far enough to judge it: tokens without comments and strings, production code without
//! the tests beside it.

/// A word or a sign of the source, with its line (the first is 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A source file below `src/`.
pub struct Source {
    /// Below `src/`, with `/`: `fetch/round.rs`.
    pub path: String,
    /// Tokens of the production code.
    pub tokens: Vec<Token>,
    /// Lines of the production code.
    pub lines: usize,
    /// Lines on which a `cfg` looks at `test` elsewhere than at a whole module.
    pub test_switches: Vec<usize>,
    /// The modules in files of their own that are there for tests only, as paths without `.rs`.
    pub test_files: Vec<String>,
}

impl Source {
    pub fn read(path: &str, text: &str) -> Self {
        let mut source = Self {
            path: path.to_owned(),
            tokens: tokens(text),
            lines: text.lines().count(),
            test_switches: vec![],
            test_files: vec![],
        };
        let mut from = 0;
        while let Some(module) = TestModule::find(&source.tokens, from) {
            match module.end {
                None => source.test_files.push(source.below(&module.name)),
                Some(end) => source.lines -= source.tokens[end].line - source.tokens[module.start].line + 1,
            }
            source.tokens.drain(module.start..=module.end.unwrap_or(module.start + 6));
            from = module.start;
        }
        source.test_switches = test_switches(&source.tokens);
        source
    }

    /// Whether it belongs to a module that `other` has for tests only.
    pub fn is_test_of(&self, other: &Self) -> bool {
        let beside = |module: &String| self.path.strip_prefix(module.as_str());
        other.test_files.iter().filter_map(beside).any(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// The path of a module that is declared here.
    fn below(&self, module: &str) -> String {
        let own = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        match own.rsplit_once('/') {
            Some((folder, "mod")) => format!("{folder}/{module}"),
            None if matches!(own, "lib" | "main") => module.to_owned(),
            _ => format!("{own}/{module}"),
        }
    }

    /// The room it belongs to: its folder in `src/`, or its own name.
    pub fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The rooms it names by a path from the crate's root, with the line.
    pub fn imports(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            if let Some(after) = self.root_path(at) {
                found.extend(heads(&self.tokens[after..]));
            }
        }
        found.retain(|(room, _)| room != self.room());
        found
    }

    /// If a path from the crate's root begins at `at`, where it goes on after the `::`.
    fn root_path(&self, at: usize) -> Option<usize> {
        let begins =
            |at: usize, word: &str| self.is(at, word) && self.is(at + 1, ":") && self.is(at + 2, ":");
        if begins(at, "crate") || begins(at, "o365_listener") {
            return Some(at + 3);
        }
        if self.is(at.wrapping_sub(1), ":") || !begins(at, "super") {
            return None;
        }
        let ups = (0..=self.depth()).take_while(|up| begins(at + 3 * up, "super")).count();
        (ups == self.depth()).then_some(at + 3 * ups)
    }

    /// How many modules it is below the crate's root.
    fn depth(&self) -> usize {
        let folders = self.path.matches('/').count();
        let own = matches!(self.path.rsplit('/').next(), Some("mod.rs" | "lib.rs" | "main.rs"));
        folders + usize::from(!own)
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text)
    }

    /// The lines on which these tokens follow each other.
    pub fn lines_with(&self, words: &[&str]) -> Vec<usize> {
        let matches = |window: &&[Token]| window.iter().zip(words).all(|(token, word)| token.text == *word);
        self.tokens.windows(words.len()).filter(matches).map(|window| window[0].line).collect()
    }

    /// Name, first line and number of lines of each function that has a body.
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut found = Vec::new();
        for (at, pair) in self.tokens.windows(2).enumerate() {
            let named = pair[1].text.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if pair[0].text != "fn" || !named {
                continue;
            }
            if let Some(end) = body_end(&self.tokens, at) {
                found.push((pair[1].text.clone(), pair[0].line, self.tokens[end].line - pair[0].line + 1));
            }
        }
        found
    }
}

/// The first words of a path or of a `{…}` of paths.
fn heads(tokens: &[Token]) -> Vec<(String, usize)> {
    let Some(first) = tokens.first().filter(|first| first.text == "{") else {
        return tokens.first().map(|first| (first.text.clone(), first.line)).into_iter().collect();
    };
    let (mut depth, mut expected, mut found) = (0, true, Vec::new());
    for token in tokens {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expected = true,
            word if depth == 1 && expected => {
                found.push((word.to_owned(), first.line));
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// `#[cfg(test)] mod NAME { … }` or `#[cfg(test)] mod NAME;`
struct TestModule {
    name: String,
    start: usize,
    /// The closing brace; none where the module is a file of its own.
    end: Option<usize>,
}

impl TestModule {
    /// The next one.
    fn find(tokens: &[Token], from: usize) -> Option<Self> {
        const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
        (from..tokens.len()).find_map(|start| {
            let text = |at: usize| tokens.get(at).map(|token| token.text.as_str());
            if !(0..ATTRIBUTE.len()).all(|at| text(start + at) == Some(ATTRIBUTE[at])) {
                return None;
            }
            let after = start + ATTRIBUTE.len();
            // `pub(super)`, where other tests use what it holds.
            let module = if text(after) == Some("pub") { after + 4 } else { after };
            if text(module) != Some("mod") {
                return None;
            }
            let end = match text(module + 2) {
                Some("{") => Some(matching(tokens, module + 2, "{", "}")?),
                _ => None,
            };
            Some(Self { name: text(module + 1)?.to_owned(), start, end })
        })
    }
}

fn test_switches(tokens: &[Token]) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.text != "cfg" && token.text != "cfg_attr" {
            continue;
        }
        let open = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|next| next.text == "!"));
        let close = matching(tokens, open, "(", ")").unwrap_or(at);
        if tokens.get(open..close).unwrap_or_default().iter().any(|inner| inner.text == "test") {
            found.push(token.line);
        }
    }
    found
}

/// Where the body of the function that begins at `at` ends; none where it has no body.
fn body_end(tokens: &[Token], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "{" if depth == 0 => return matching(tokens, at + offset, "{", "}"),
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The sign that closes the one at `from`.
fn matching(tokens: &[Token], from: usize, open: &str, close: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        if token.text == open {
            depth += 1;
        } else if token.text == close {
            depth -= 1;
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Words and signs; comments are left out, a string or character is `""`, a lifetime keeps its `'`.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let (kind, end) = lexeme(&chars, at);
        let text = match kind {
            Lexeme::Nothing => None,
            Lexeme::Literal => Some("\"\"".to_owned()),
            Lexeme::Text => Some(chars[at..end].iter().collect()),
        };
        found.extend(text.map(|text| Token { text, line }));
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

enum Lexeme {
    /// White space or a comment.
    Nothing,
    /// A string or a character.
    Literal,
    Text,
}

/// What begins at `at`, and where it ends.
fn lexeme(chars: &[char], at: usize) -> (Lexeme, usize) {
    let rest = &chars[at..];
    let length = |wanted: fn(&char) -> bool| rest.iter().take_while(|c| wanted(c)).count();
    match rest {
        ['/', '/', ..] => (Lexeme::Nothing, at + length(|c| *c != '\n')),
        ['/', '*', ..] => (Lexeme::Nothing, at + block_comment(rest)),
        ['"', ..] => (Lexeme::Literal, at + quoted(rest, '"')),
        ['b', '"', ..] => (Lexeme::Literal, at + 1 + quoted(&rest[1..], '"')),
        ['b', '\'', ..] => (Lexeme::Literal, at + 1 + quoted(&rest[1..], '\'')),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Lexeme::Literal, at + quoted(rest, '\'')),
        ['\'', ..] => (Lexeme::Text, at + 1 + rest[1..].iter().take_while(|c| word(**c)).count()),
        ['r' | 'b', ..] if raw_string(rest).is_some() => {
            (Lexeme::Literal, at + raw_string(rest).unwrap_or_default())
        }
        [first, ..] if first.is_whitespace() => (Lexeme::Nothing, at + length(|c| c.is_whitespace())),
        [first, ..] if word(*first) => (Lexeme::Text, at + length(|c| word(*c))),
        _ => (Lexeme::Text, at + 1),
    }
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Length of the `r"…"`, `r#"…"#` or `br"…"` that begins here, if one does.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = if rest.starts_with(&['b', 'r']) { 2 } else { usize::from(rest.starts_with(&['r'])) };
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if prefix == 0 || rest.get(open) != Some(&'"') {
        return None;
    }
    let mut closing = vec!['"'];
    closing.extend(std::iter::repeat_n('#', hashes));
    let body = rest[open + 1..].windows(closing.len()).position(|window| window == closing)?;
    Some(open + 1 + body + closing.len())
}
