//! What a guard remembers of its acquisition. Proves nothing: whoever uses it checks it against the hold set.

/// What a guard remembers of its acquisition: how many holds its thread had with it, which says where in the hold set it
/// stands as long as no other has moved it. 0 is no token: no acquisition leaves a thread without a hold.
#[derive(Clone, Copy)]
pub(crate) struct Token(pub(super) u32);

impl Token {
    /// An acquisition that nobody looked at.
    pub(crate) const UNWATCHED: Token = Token(Token::COUNT);
    /// The bits for the number of holds, more than there can be: those of nobody's.
    const COUNT: u32 = 0xffff;
    /// A bit for the guard's own use.
    const MARK: u32 = 1 << 31;
    /// The acquisition was recorded: so is what is done with the data.
    const RECORDED: u32 = 1 << 30;
    /// The acquisition is what a wait came back with, after which the predicate is to be asked (see `predicate`).
    const UNASKED: u32 = 1 << 29;

    /// That of the hold at this place in the hold set.
    #[inline(always)]
    pub(super) const fn at(index: usize) -> Token {
        Token(index as u32 + 1)
    }

    /// The place in the hold set, if none has moved; else, or if there is none, any.
    pub(super) const fn place(self) -> usize {
        ((self.0 & Token::COUNT) as usize).wrapping_sub(1)
    }

    /// The same, with the guard's bit if `mark`. The run-time itself gives none that has it.
    #[inline(always)]
    pub(crate) fn with_mark(self, mark: bool) -> Token {
        Token(self.0 | if mark { Token::MARK } else { 0 })
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

    /// The same, of an acquisition after which the predicate is to be asked.
    pub(crate) fn unasked(self) -> Token {
        Token(self.0 | Token::UNASKED)
    }

    /// Whether the predicate is to be asked after the acquisition.
    #[inline(always)]
    pub(crate) fn is_unasked(self) -> bool {
        self.0 & Token::UNASKED != 0
    }

    /// Whether anybody wants to hear of what is done with the data.
    #[inline(always)]
    pub(crate) fn is_attended(self) -> bool {
        self.0 & (Token::RECORDED | Token::UNASKED) != 0
    }

    /// The guard's bit.
    #[inline(always)]
    pub(crate) fn mark(self) -> bool {
        self.0 & Token::MARK != 0
    }

    /// Whether nobody looked at the acquisition.
    #[inline(always)]
    pub(crate) fn is_unwatched(self) -> bool {
        self.0 & Token::COUNT == Token::COUNT
    }
}
