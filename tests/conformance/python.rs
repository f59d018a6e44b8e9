//! Expressions of Python, as far as the questions of the SONATA oracle go: names, literals, calls, attributes,
//! subscripts, operators, comprehensions and lambdas.

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Py {
    None,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
    /// The pieces of an f-string.
    Format(Vec<Py>),
    Name(String),
    Attribute(Box<Py>, String),
    Call(Box<Py>, Vec<Argument>),
    Index(Box<Py>, Box<Py>),
    Slice(Option<Box<Py>>, Option<Box<Py>>),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Set(Vec<Py>),
    /// Pairs; without a key it is `**value`.
    Dict(Vec<(Option<Py>, Py)>),
    Lambda(Vec<String>, Box<Py>),
    Comprehension(Box<Comprehension>),
    Unary(&'static str, Box<Py>),
    Binary(&'static str, Box<Py>, Box<Py>),
    If(Box<Py>, Box<Py>, Box<Py>),
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    pub name: Option<String>,
    pub value: Py,
}

/// `[value for targets in items if conditions]`, or `{key: value for …}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Comprehension {
    pub key: Option<Py>,
    pub value: Py,
    pub loops: Vec<Loop>,
}

/// One `for … in … if …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    pub targets: Vec<String>,
    pub items: Py,
    pub conditions: Vec<Py>,
}

/// Reads an expression.
pub fn parse(text: &str) -> Result<Py, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let mut all = parser.expression()?;
    if parser.eat(",") {
        let mut items = vec![all];
        while parser.peek().is_some() {
            items.push(parser.expression()?);
            if !parser.eat(",") {
                break;
            }
        }
        all = Py::Tuple(items);
    }
    match parser.peek() {
        None => Ok(all),
        Some(token) => Err(format!("{token:?} is too much in: {text}")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(String),
    Text(String),
    Format(String),
    Name(String),
    Sign(&'static str),
}

/// The longer ones first.
const SIGNS: [&str; 33] = [
    "**", "//", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "+", "-", "*", "/",
    "%", "<", ">", "&", "|", "^", "~", "@", ";", "!", "?", "$", "\\",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let prefix = usize::from(rest.starts_with(['f', 'r']) && rest[1..].starts_with(['\'', '"']));
        if rest[prefix..].starts_with(['\'', '"']) {
            let (text, behind) = quoted(&rest[prefix..])?;
            tokens.push(if rest.starts_with('f') { Token::Format(text) } else { Token::Text(text) });
            rest = behind;
        } else if first.is_ascii_digit()
            || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())
        {
            let exponent = |at: usize| rest[..at].ends_with(['e', 'E']);
            let part = |(at, c): (usize, char)| {
                c.is_ascii_digit()
                    || matches!(c, '.' | 'e' | 'E' | '_')
                    || matches!(c, '+' | '-') && exponent(at)
            };
            let end = rest.char_indices().find(|&c| !part(c)).map_or(rest.len(), |c| c.0);
            tokens.push(Token::Number(rest[..end].replace('_', "")));
            rest = &rest[end..];
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            let sign =
                SIGNS.iter().find(|sign| rest.starts_with(**sign)).ok_or(format!("`{first}` in: {text}"))?;
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A text in quotes, and what follows it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let quote = text.chars().next().unwrap_or('\'');
    let mut found = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => found.extend(chars.next().map(|(_, c)| match c {
                'n' => '\n',
                't' => '\t',
                other => other,
            })),
            c if c == quote => return Ok((found, &text[at + 1..])),
            c => found.push(c),
        }
    }
    Err(format!("a quote is not closed in {text}"))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// Operators from the loosest to the tightest; a level is left to right.
const LEVELS: [&[&str]; 9] = [
    &["or"],
    &["and"],
    &["==", "!=", "<=", ">=", "<", ">", "in", "not in", "is", "is not"],
    &["|"],
    &["^"],
    &["&"],
    &["+", "-"],
    &["*", "/", "//", "%", "@"],
    &["**"],
];

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, word: &str) -> bool {
        self.is_at(self.at, word)
    }

    fn is_at(&self, at: usize, word: &str) -> bool {
        match self.tokens.get(at) {
            Some(Token::Sign(sign)) => *sign == word,
            Some(Token::Name(name)) => name == word,
            _ => false,
        }
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.eat(word) { Ok(()) } else { Err(format!("`{word}` is expected, not {:?}", self.peek())) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at).cloned() {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            other => Err(format!("a name is expected, not {other:?}")),
        }
    }

    fn expression(&mut self) -> Result<Py, String> {
        if self.eat("lambda") {
            let mut names = Vec::new();
            while !self.eat(":") {
                names.push(self.name()?);
                self.eat(",");
            }
            return Ok(Py::Lambda(names, Box::new(self.expression()?)));
        }
        let value = self.binary(0)?;
        if self.eat("if") {
            let condition = self.binary(0)?;
            self.expect("else")?;
            return Ok(Py::If(Box::new(condition), Box::new(value), Box::new(self.expression()?)));
        }
        Ok(value)
    }

    fn binary(&mut self, level: usize) -> Result<Py, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        if level == 2 && self.eat("not") {
            return Ok(Py::Unary("not", Box::new(self.binary(level)?)));
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.binary(level + 1)?;
            left = Py::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        for operator in operators {
            let words: Vec<&str> = operator.split(' ').collect();
            if words.iter().enumerate().all(|(i, word)| self.is_at(self.at + i, word)) {
                // `is not` before `is`.
                if *operator == "is" && self.is_at(self.at + 1, "not") {
                    continue;
                }
                self.at += words.len();
                return Some(operator);
            }
        }
        None
    }

    fn unary(&mut self) -> Result<Py, String> {
        for sign in ["-", "+", "~"] {
            if self.eat(sign) {
                return Ok(Py::Unary(sign, Box::new(self.unary()?)));
            }
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Py, String> {
        let mut value = self.atom()?;
        loop {
            if self.eat(".") {
                value = Py::Attribute(Box::new(value), self.name()?);
            } else if self.eat("(") {
                value = Py::Call(Box::new(value), self.arguments()?);
            } else if self.eat("[") {
                let index = self.subscript()?;
                value = Py::Index(Box::new(value), Box::new(index));
            } else {
                return Ok(value);
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, String> {
        let mut arguments = Vec::new();
        while !self.eat(")") {
            let stars = if self.eat("**") {
                Some("**")
            } else if self.eat("*") {
                Some("*")
            } else {
                None
            };
            let named = matches!(self.peek(), Some(Token::Name(_))) && self.is_at(self.at + 1, "=");
            let name = match stars {
                Some(stars) => Some(stars.to_owned()),
                None if named => {
                    let name = self.name()?;
                    self.expect("=")?;
                    Some(name)
                }
                None => None,
            };
            let value = self.expression()?;
            let value = if self.is("for") { self.comprehension(None, value)? } else { value };
            arguments.push(Argument { name, value });
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments)
    }

    fn subscript(&mut self) -> Result<Py, String> {
        let mut items = Vec::new();
        loop {
            let from = if self.is(":") || self.is("]") { None } else { Some(Box::new(self.expression()?)) };
            items.push(if self.eat(":") {
                let to = if self.is("]") || self.is(",") { None } else { Some(Box::new(self.expression()?)) };
                Py::Slice(from, to)
            } else {
                *from.ok_or("an index is expected")?
            });
            if self.eat("]") {
                break;
            }
            self.expect(",")?;
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Py::Tuple(items) })
    }

    fn items(&mut self, first: Py, end: &str) -> Result<Vec<Py>, String> {
        let mut items = vec![first];
        while self.eat(",") {
            if self.is(end) {
                break;
            }
            items.push(self.expression()?);
        }
        self.expect(end)?;
        Ok(items)
    }

    fn atom(&mut self) -> Result<Py, String> {
        let token = self.peek().cloned().ok_or("the expression ends too early")?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Py::Number(number)),
            Token::Text(mut text) => {
                while let Some(Token::Text(more)) = self.peek().cloned() {
                    text.push_str(&more);
                    self.at += 1;
                }
                Ok(Py::Text(text))
            }
            Token::Format(text) => format_string(&text),
            Token::Name(name) => Ok(match name.as_str() {
                "None" => Py::None,
                "True" => Py::Bool(true),
                "False" => Py::Bool(false),
                _ => Py::Name(name),
            }),
            Token::Sign("(") => {
                if self.eat(")") {
                    return Ok(Py::Tuple(Vec::new()));
                }
                let first = self.expression()?;
                if self.is("for") {
                    let made = self.comprehension(None, first)?;
                    self.expect(")")?;
                    return Ok(made);
                }
                if self.is(",") {
                    return Ok(Py::Tuple(self.items(first, ")")?));
                }
                self.expect(")")?;
                Ok(first)
            }
            Token::Sign("[") => {
                if self.eat("]") {
                    return Ok(Py::List(Vec::new()));
                }
                let first = self.expression()?;
                if self.is("for") {
                    let made = self.comprehension(None, first)?;
                    self.expect("]")?;
                    return Ok(made);
                }
                Ok(Py::List(self.items(first, "]")?))
            }
            Token::Sign("{") => self.braces(),
            Token::Sign(sign) => Err(format!("`{sign}` is not expected")),
        }
    }

    fn braces(&mut self) -> Result<Py, String> {
        let mut pairs = Vec::new();
        while !self.eat("}") {
            if self.eat("**") {
                pairs.push((None, self.expression()?));
            } else {
                let key = self.expression()?;
                if pairs.is_empty() && !self.is(":") {
                    if self.is("for") {
                        let made = self.comprehension(None, key)?;
                        self.expect("}")?;
                        return Ok(made);
                    }
                    return Ok(Py::Set(self.items(key, "}")?));
                }
                self.expect(":")?;
                let value = self.expression()?;
                if self.is("for") {
                    let made = self.comprehension(Some(key), value)?;
                    self.expect("}")?;
                    return Ok(made);
                }
                pairs.push((Some(key), value));
            }
            if !self.eat(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(Py::Dict(pairs))
    }

    fn comprehension(&mut self, key: Option<Py>, value: Py) -> Result<Py, String> {
        let mut loops = Vec::new();
        while self.eat("for") {
            let wrapped = self.eat("(");
            let mut targets = vec![self.name()?];
            while self.eat(",") {
                targets.push(self.name()?);
            }
            if wrapped {
                self.expect(")")?;
            }
            self.expect("in")?;
            // A condition begins with `if`, which is no part of the items.
            let items = self.binary(0)?;
            let mut conditions = Vec::new();
            while self.eat("if") {
                conditions.push(self.binary(0)?);
            }
            loops.push(Loop { targets, items, conditions });
        }
        Ok(Py::Comprehension(Box::new(Comprehension { key, value, loops })))
    }
}

/// `a{i+1}b` as its pieces.
fn format_string(text: &str) -> Result<Py, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (inside, behind) = behind.split_once('}').ok_or("a brace is not closed in an f-string")?;
        pieces.extend([Py::Text(before.to_owned()), parse(inside)?]);
        rest = behind;
    }
    pieces.push(Py::Text(rest.to_owned()));
    Ok(Py::Format(pieces))
}

impl Py {
    /// The same with every part replaced for which `change` has another; parts are asked from outside to inside.
    pub fn rewritten(&self, change: &dyn Fn(&Py) -> Option<Py>) -> Py {
        if let Some(other) = change(self) {
            return other;
        }
        let go = |py: &Py| py.rewritten(change);
        let boxed = |py: &Py| Box::new(go(py));
        let all = |list: &[Py]| list.iter().map(go).collect::<Vec<_>>();
        match self {
            Py::None | Py::Bool(_) | Py::Number(_) | Py::Text(_) | Py::Name(_) => self.clone(),
            Py::Format(pieces) => Py::Format(all(pieces)),
            Py::Attribute(of, name) => Py::Attribute(boxed(of), name.clone()),
            Py::Call(of, arguments) => {
                let argument = |a: &Argument| Argument { name: a.name.clone(), value: go(&a.value) };
                Py::Call(boxed(of), arguments.iter().map(argument).collect())
            }
            Py::Index(of, index) => Py::Index(boxed(of), boxed(index)),
            Py::Slice(from, to) => Py::Slice(from.as_deref().map(boxed), to.as_deref().map(boxed)),
            Py::List(items) => Py::List(all(items)),
            Py::Tuple(items) => Py::Tuple(all(items)),
            Py::Set(items) => Py::Set(all(items)),
            Py::Dict(pairs) => {
                Py::Dict(pairs.iter().map(|(key, value)| (key.as_ref().map(go), go(value))).collect())
            }
            Py::Lambda(names, body) => Py::Lambda(names.clone(), boxed(body)),
            Py::Comprehension(made) => Py::Comprehension(Box::new(Comprehension {
                key: made.key.as_ref().map(go),
                value: go(&made.value),
                loops: made
                    .loops
                    .iter()
                    .map(|l| Loop {
                        targets: l.targets.clone(),
                        items: go(&l.items),
                        conditions: all(&l.conditions),
                    })
                    .collect(),
            })),
            Py::Unary(sign, of) => Py::Unary(sign, boxed(of)),
            Py::Binary(sign, a, b) => Py::Binary(sign, boxed(a), boxed(b)),
            Py::If(condition, a, b) => Py::If(boxed(condition), boxed(a), boxed(b)),
        }
    }

    /// The same with a variable replaced by a value.
    pub fn with(&self, name: &str, value: &Py) -> Py {
        self.rewritten(&|py| match py {
            Py::Name(found) if found == name => Some(value.clone()),
            Py::Lambda(names, _) if names.iter().any(|n| n == name) => Some(py.clone()),
            _ => None,
        })
    }
}
