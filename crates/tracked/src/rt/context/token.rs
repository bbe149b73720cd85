//! What a guard remembers of its acquisition. Proves nothing: whoever uses it checks it against the hold set.

/// What a guard remembers of its acquisition: where in its thread's hold set it stands. A hint that is checked: other
/// holds may have moved it.
#[derive(Clone, Copy)]
pub(crate) struct Token(pub(super) u32);

impl Token {
    /// An acquisition that nobody looked at.
    pub(crate) const UNWATCHED: Token = Token(Token::INDEX);
    /// The bits for the place in the hold set; all of them: none.
    pub(super) const INDEX: u32 = 0xffff;
    /// A bit for the guard's own use.
    const MARK: u32 = 1 << 31;
    /// The acquisition was recorded: so is what is done with the data.
    const RECORDED: u32 = 1 << 30;

    #[inline(always)]
    pub(super) fn index(self) -> u32 {
        self.0 & Token::INDEX
    }

    /// The same, with the guard's bit.
    #[inline(always)]
    pub(crate) fn with_mark(self, mark: bool) -> Token {
        Token(self.0 & !Token::MARK | if mark { Token::MARK } else { 0 })
    }

    /// The same, of an acquisition that was recorded.
    pub(crate) fn recorded(self) -> Token {
        Token(self.0 | Token::RECORDED)
    }

    /// Whether the acquisition was recorded.
    #[inline(always)]
    pub(crate) fn is_recorded(self) -> bool {
        self.0 & Token::RECORDED != 0
    }

    /// The guard's bit.
    #[inline(always)]
    pub(crate) fn mark(self) -> bool {
        self.0 & Token::MARK != 0
    }

    /// Whether nobody looked at the acquisition.
    #[inline(always)]
    pub(crate) fn is_unwatched(self) -> bool {
        self.index() == Token::INDEX
    }
}
