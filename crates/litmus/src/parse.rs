//! Tokens to a syntax tree (section 2 of the notation): recursive descent, one token of look-ahead. Recursion is
//! bounded by the limits on nested blocks and expressions. Names are looked up later, in `compile`.

use crate::ast::{
    Action, Attempt, BinaryOp, Block, Declaration, Expr, Final, Kind, Line, Name, Simple, Statement,
    ThreadItem, Tree, Value,
};
use crate::error::{ErrorCode, Fault, Position};
use crate::lex::{Token, TokenKind, lex};
use crate::limits;

/// The words that start a statement and are neither `Simple` nor `Attempt`.
const OTHER_STATEMENTS: [&str; 17] = [
    "wait",
    "call_once",
    "send",
    "put",
    "recv",
    "get",
    "load",
    "submit",
    "await",
    "store",
    "add",
    "if",
    "repeat",
    "assert",
    "break",
    "yield",
    "sleep",
];

/// The words that are neither items nor statements.
const MODIFIERS: [&str; 10] =
    ["bounded", "spawned", "inf", "with", "until", "as", "else", "and", "or", "not"];

const COMPARISONS: [BinaryOp; 6] = [
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Less,
    BinaryOp::LessOrEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterOrEqual,
];

fn is_item(word: &str) -> bool {
    matches!(word, "thread" | "order" | "finally") || Kind::ALL.iter().any(|k| k.as_str() == word)
}

fn is_statement(word: &str) -> bool {
    Simple::from_word(word).is_some()
        || Attempt::from_word(word).is_some()
        || OTHER_STATEMENTS.contains(&word)
}

fn is_reserved(word: &str) -> bool {
    is_item(word) || is_statement(word) || MODIFIERS.contains(&word)
}

/// Parses the whole file.
pub(crate) fn parse_tree(bytes: &[u8]) -> Result<Tree, Fault> {
    let tokens = lex(bytes)?;
    let mut parser = Parser { tokens, next: 0, blocks: 0, nesting: 0, operands: 0, statements: 0 };
    parser.file()
}

struct Parser<'a> {
    /// Ends with an `End` token, which is never consumed.
    tokens: Vec<Token<'a>>,
    /// Index of the token that is looked at.
    next: usize,
    /// Blocks that are open.
    blocks: usize,
    /// Parentheses, `not` and unary `-` that are open in the current expression.
    nesting: usize,
    /// Operands seen in the current expression.
    operands: usize,
    /// Statements seen in the file.
    statements: usize,
}

type Parsed<T> = Result<T, Fault>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens[self.next]
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    /// Consumes the token if it is this word or sign.
    fn accept(&mut self, text: &str) -> bool {
        let found = self.peek().is(text);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str, remedy: &str) -> Parsed<Token<'a>> {
        let token = self.take();
        if token.is(text) { Ok(token) } else { unexpected(token, &format!("`{text}`"), remedy) }
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        let token = self.take();
        if token.kind != TokenKind::Word {
            return unexpected(token, what, "a name is letters, digits and `_`");
        }
        if is_reserved(token.text) {
            return reserved(token, what);
        }
        Ok(Name { text: token.text.to_owned(), at: token.at })
    }

    fn skip_separators(&mut self) {
        while self.peek().is_separator() {
            self.next += 1;
        }
    }

    fn end_of_item(&self) -> Parsed<()> {
        let token = self.peek();
        if token.is_separator() || token.kind == TokenKind::End {
            return Ok(());
        }
        unexpected(token, "the end of the line", "start the next item on a line of its own")
    }

    fn file(&mut self) -> Parsed<Tree> {
        let mut tree = Tree::default();
        loop {
            self.skip_separators();
            if self.peek().kind == TokenKind::End {
                return Ok(tree);
            }
            self.item(&mut tree)?;
        }
    }

    fn item(&mut self, tree: &mut Tree) -> Parsed<()> {
        let token = self.take();
        if token.kind != TokenKind::Word || !is_item(token.text) {
            let remedy = "statements belong into a `thread`";
            return unexpected(token, "a declaration, `thread`, `order` or `finally`", remedy);
        }
        if !token.first {
            return not_first(token);
        }
        match token.text {
            "thread" => {
                tree.threads.push(self.thread()?);
                return Ok(());
            }
            "order" if tree.order.is_some() => {
                let message = "found a second `order` line; keep one, with all the threads it shall list";
                return Fault::err(ErrorCode::Duplicate, token.at, message);
            }
            "order" => tree.order = Some(self.order()?),
            "finally" => {
                let condition = self.expression()?;
                tree.finals.push(Final { condition, line: Line(token.at.line) });
            }
            word => {
                let kind = Kind::ALL.into_iter().find(|k| k.as_str() == word).expect("an item word");
                self.declarations(kind, &mut tree.objects)?;
            }
        }
        self.end_of_item()
    }

    fn order(&mut self) -> Parsed<Vec<Name>> {
        let mut names = vec![self.name("a thread's name")?];
        while self.peek().kind == TokenKind::Word {
            names.push(self.name("a thread's name")?);
        }
        Ok(names)
    }

    fn declarations(&mut self, kind: Kind, objects: &mut Vec<Declaration>) -> Parsed<()> {
        loop {
            let name = self.name("the name of an object")?;
            let value = if self.accept("=") { Some(self.value()?) } else { None };
            let word = self.peek();
            let bounded = self.accept("bounded");
            if bounded && kind != Kind::Semaphore {
                return unexpected(
                    word,
                    "another name or the end of the line",
                    "only a semaphore can be `bounded`",
                );
            }
            objects.push(Declaration { kind, name, value, bounded });
            if self.peek().kind != TokenKind::Word {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        let at = self.peek().at;
        let negative = self.accept("-");
        let token = self.take();
        if token.is("inf") && !negative {
            return Ok(Value { number: None, at });
        }
        if token.kind != TokenKind::Number {
            let what = if negative { "a number" } else { "a number or `inf`" };
            return unexpected(token, what, "a declaration has a constant value, like `= 1`");
        }
        let number = number(token);
        Ok(Value { number: Some(if negative { -number } else { number }), at })
    }

    fn thread(&mut self) -> Parsed<ThreadItem> {
        let mut names = vec![self.name("a thread's name")?];
        while self.peek().kind == TokenKind::Word && !self.peek().is("spawned") {
            names.push(self.name("a thread's name")?);
        }
        let spawned = self.accept("spawned");
        let body = if self.accept(":") {
            self.statements(false)?
        } else if self.peek().is("{") {
            let body = self.block()?;
            self.end_of_item()?;
            body
        } else {
            return unexpected(self.peek(), "`:` or `{`", "the body starts on the line of the word `thread`");
        };
        Ok(ThreadItem { names, spawned, body })
    }

    fn block(&mut self) -> Parsed<Block> {
        let open = self.expect("{", "the block starts on the same line")?;
        self.blocks += 1;
        if self.blocks > limits::BLOCKS {
            let message = format!("blocks nested deeper than {}; flatten the sketch", limits::BLOCKS);
            return Fault::err(ErrorCode::Limit, open.at, message);
        }
        let body = self.statements(true)?;
        self.expect("}", "close the block")?;
        self.blocks -= 1;
        Ok(body)
    }

    /// Statements up to the closing brace, or without braces up to the next item or the end of the file.
    fn statements(&mut self, braces: bool) -> Parsed<Block> {
        let mut body = Block::new();
        loop {
            self.skip_separators();
            let token = self.peek();
            if self.body_ends(token, braces)? {
                return Ok(body);
            }
            body.push(self.statement()?);
            let after = self.peek();
            let ends = after.is_separator() || after.kind == TokenKind::End || (braces && after.is("}"));
            if !ends {
                return unexpected(after, "`;` or the end of the line", "separate two statements with `;`");
            }
        }
    }

    fn body_ends(&self, token: Token<'a>, braces: bool) -> Parsed<bool> {
        if token.kind == TokenKind::End {
            return if braces { unexpected(token, "`}`", "close every `{`") } else { Ok(true) };
        }
        if token.is("}") {
            return if braces { Ok(true) } else { unexpected(token, "a statement", "no `{` is open here") };
        }
        if token.kind != TokenKind::Word || !is_item(token.text) {
            return Ok(false);
        }
        if braces {
            return unexpected(token, "a statement", "an item cannot stand inside a body; is a `}` missing?");
        }
        if token.first { Ok(true) } else { not_first(token) }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let token = self.take();
        if token.kind != TokenKind::Word || !is_statement(token.text) {
            return unexpected(token, "a statement", "a statement starts with a word such as `lock` or `if`");
        }
        self.statements += 1;
        if self.statements > limits::STATEMENTS {
            let message = format!("more than {} statements; split the sketch", limits::STATEMENTS);
            return Fault::err(ErrorCode::Limit, token.at, message);
        }
        let action = if let Some(simple) = Simple::from_word(token.text) {
            Action::Simple(simple, self.name("a name")?)
        } else if let Some(attempt) = Attempt::from_word(token.text) {
            self.trying(attempt)?
        } else {
            self.other_statement(token.text)?
        };
        Ok(Statement { at: token.at, action })
    }

    fn trying(&mut self, attempt: Attempt) -> Parsed<Action> {
        let object = self.name("a name")?;
        let then = self.block()?;
        let otherwise = self.else_block()?;
        Ok(Action::Trying { attempt, object, then, otherwise })
    }

    fn other_statement(&mut self, word: &str) -> Parsed<Action> {
        Ok(match word {
            "wait" => self.wait()?,
            "call_once" => Action::CallOnce(self.name("the name of a once")?, self.block()?),
            "send" => Action::Send(self.name("the name of a channel")?, self.optional_expression()?),
            "put" => Action::Put(self.name("the name of a queue")?, self.optional_expression()?),
            "recv" => Action::Recv(self.name("the name of a channel")?, self.binding()?),
            "get" => Action::Get(self.name("the name of a queue")?, self.binding()?),
            "load" => Action::Load(self.name("the name of a var or atomic")?, self.binding()?),
            "submit" => {
                let pool = self.name("the name of a pool")?;
                Action::Submit { pool, body: self.block()?, task: self.binding()? }
            }
            "await" => Action::Await(self.name("the name of a task")?),
            "store" => {
                let name = self.name("the name of a var or atomic")?;
                self.expect("=", "a store is written `store v = E`")?;
                Action::Store(name, self.expression()?)
            }
            "add" => Action::Add(self.name("the name of a var or atomic")?, self.expression()?),
            "if" => Action::If(self.expression()?, self.block()?, self.else_block()?),
            "repeat" => {
                let token = self.take();
                if token.kind != TokenKind::Number {
                    return unexpected(token, "a number", "the number of copies is a constant");
                }
                let count = Value { number: Some(number(token)), at: token.at };
                Action::Repeat(count, self.block()?)
            }
            "assert" => Action::Assert(self.expression()?),
            "break" => Action::Break,
            "yield" => Action::Yield,
            _ => Action::Sleep,
        })
    }

    fn wait(&mut self) -> Parsed<Action> {
        let name = self.name("the name of an event or condvar")?;
        if !self.accept("with") {
            return Ok(Action::Wait(name));
        }
        let lock = self.name("the name of a mutex or rlock")?;
        let until = if self.accept("until") { Some(self.expression()?) } else { None };
        Ok(Action::WaitWith { condvar: name, lock, until })
    }

    fn else_block(&mut self) -> Parsed<Block> {
        if self.accept("else") { self.block() } else { Ok(Block::new()) }
    }

    fn binding(&mut self) -> Parsed<Option<Name>> {
        if self.accept("as") { self.name("the name of a local").map(Some) } else { Ok(None) }
    }

    fn optional_expression(&mut self) -> Parsed<Option<Expr>> {
        let token = self.peek();
        let starts = match token.kind {
            TokenKind::Number => true,
            TokenKind::Sign => token.is("-") || token.is("("),
            TokenKind::Word => token.text == "not" || !is_reserved(token.text),
            _ => false,
        };
        if starts { self.expression().map(Some) } else { Ok(None) }
    }

    fn expression(&mut self) -> Parsed<Expr> {
        if self.nesting == 0 {
            self.operands = 0;
        }
        let mut left = self.conjunction()?;
        while self.accept("or") {
            left = binary(BinaryOp::Or, left, self.conjunction()?);
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut left = self.negation()?;
        while self.accept("and") {
            left = binary(BinaryOp::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed<Expr> {
        if self.accept("not") {
            return Ok(Expr::Not(Box::new(self.nested(Parser::negation)?)));
        }
        let left = self.sum()?;
        for op in COMPARISONS {
            if self.accept(op.as_str()) {
                return Ok(binary(op, left, self.sum()?));
            }
        }
        Ok(left)
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        self.nesting += 1;
        if self.nesting > limits::NESTING {
            let message = format!("an expression nested deeper than {}; split it", limits::NESTING);
            return Fault::err(ErrorCode::Limit, self.peek().at, message);
        }
        let e = inner(self)?;
        self.nesting -= 1;
        Ok(e)
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        loop {
            let op = if self.accept("+") {
                BinaryOp::Plus
            } else if self.accept("-") {
                BinaryOp::Minus
            } else {
                return Ok(left);
            };
            left = binary(op, left, self.product()?);
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while self.accept("*") {
            left = binary(BinaryOp::Times, left, self.unary()?);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let token = self.take();
        if token.is("-") {
            return Ok(Expr::Negate(Box::new(self.nested(Parser::unary)?)));
        }
        if token.is("(") {
            let e = self.nested(Parser::expression)?;
            self.expect(")", "close the parenthesis")?;
            return Ok(e);
        }
        if !matches!(token.kind, TokenKind::Number | TokenKind::Word) {
            return unexpected(token, "a number, a name or `(`", "complete the expression");
        }
        self.operands += 1;
        if self.operands > limits::OPERANDS {
            let message = format!("an expression with more than {} operands; split it", limits::OPERANDS);
            return Fault::err(ErrorCode::Limit, token.at, message);
        }
        if token.kind == TokenKind::Number {
            return Ok(Expr::Number(number(token)));
        }
        if is_reserved(token.text) {
            return reserved(token, "a name or a number");
        }
        Ok(Expr::Name(Name { text: token.text.to_owned(), at: token.at }))
    }
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, Box::new(left), Box::new(right))
}

fn number(token: Token<'_>) -> i64 {
    token.text.parse().expect("the lexer checked digits and range")
}

fn unexpected<T>(token: Token<'_>, expected: &str, remedy: &str) -> Parsed<T> {
    let message = format!("found {} where {expected} is expected; {remedy}", token.show());
    Fault::err(ErrorCode::Syntax, token.at, message)
}

fn reserved<T>(token: Token<'_>, expected: &str) -> Parsed<T> {
    let message =
        format!("found the reserved word `{}` where {expected} is expected; choose another name", token.text);
    Fault::err(ErrorCode::Reserved, token.at, message)
}

fn not_first<T>(token: Token<'_>) -> Parsed<T> {
    let message = format!(
        "found `{}` in the middle of a line; an item starts with the first word of its line",
        token.text
    );
    Fault::err(ErrorCode::Syntax, Position { ..token.at }, message)
}
