//! Patterns with `*` (any characters) and `?` (one): what they match, include and share.

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// This character.
    One(char),
    /// Any one character.
    Any,
    /// Any characters, also none.
    Many,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    steps: Vec<Step>,
}

impl Pattern {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// `*` and `?` are wildcards.
    pub(super) fn glob(text: &str) -> Self {
        let step = |c| match c {
            '*' => Step::Many,
            '?' => Step::Any,
            other => Step::One(other),
        };
        Self { steps: text.chars().map(step).collect() }
    }

    /// Every character stands for itself.
    pub(super) fn literal(text: &str) -> Self {
        Self { steps: text.chars().map(Step::One).collect() }
    }

    /// The pattern that does not tell upper from lower case; compare it with [`fold`]ed text.
    pub(super) fn folded(mut self) -> Self {
        for step in &mut self.steps {
            if let Step::One(c) = step {
                *c = fold_char(*c);
            }
        }
        self
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether the whole of `text` matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut at = self.start();
        for c in text.chars() {
            at = self.advance(&at, c);
        }
        self.ends(&at)
    }

    /// Where in the pattern one can be before anything is read: a sorted set of steps.
    pub(super) fn start(&self) -> Vec<usize> {
        self.closed(vec![0])
    }

    /// Where one can be after `c`.
    pub(super) fn advance(&self, at: &[usize], c: char) -> Vec<usize> {
        let mut next = Vec::with_capacity(at.len());
        for &place in at {
            match self.steps.get(place) {
                Some(Step::Many) => next.push(place),
                Some(Step::Any) => next.push(place + 1),
                Some(Step::One(wanted)) if *wanted == c => next.push(place + 1),
                _ => {}
            }
        }
        self.closed(next)
    }

    /// Whether the text may end here.
    pub(super) fn ends(&self, at: &[usize]) -> bool {
        at.last() == Some(&self.steps.len())
    }

    /// With the places that `*` lets one skip to.
    fn closed(&self, mut at: Vec<usize>) -> Vec<usize> {
        let mut index = 0;
        while let Some(&place) = at.get(index) {
            if self.steps.get(place) == Some(&Step::Many) && !at.contains(&(place + 1)) {
                at.push(place + 1);
            }
            index += 1;
        }
        at.sort_unstable();
        at.dedup();
        at
    }

    /// Whether everything that `other` matches is matched by this one. Never says so wrongly.
    pub(super) fn includes(&self, other: &Self) -> bool {
        meet(&self.steps, &other.steps, |ours, theirs| match (ours, theirs) {
            (Step::Any, Step::One(_) | Step::Any) => Advance::Both,
            (Step::One(a), Step::One(b)) if a == b => Advance::Both,
            (Step::Many, _) => Advance::OursMayStay,
            _ => Advance::Never,
        })
    }

    /// Whether some text matches both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        meet(&self.steps, &other.steps, |ours, theirs| match (ours, theirs) {
            (Step::Many, _) => Advance::OursMayStay,
            (_, Step::Many) => Advance::TheirsMayStay,
            (Step::One(a), Step::One(b)) if a != b => Advance::Never,
            _ => Advance::Both,
        })
    }
}

/// How a pair of steps can be passed.
enum Advance {
    Both,
    /// Ours takes their step and stays, or is skipped.
    OursMayStay,
    /// Theirs takes our step and stays, or is skipped.
    TheirsMayStay,
    Never,
}

/// Whether both step lists can be walked to their ends together.
fn meet(ours: &[Step], theirs: &[Step], pass: impl Fn(Step, Step) -> Advance) -> bool {
    let only_many = |rest: &[Step]| rest.iter().all(|step| *step == Step::Many);
    let width = theirs.len() + 1;
    let mut seen = vec![false; (ours.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        if std::mem::replace(&mut seen[i * width + j], true) {
            continue;
        }
        let (Some(&a), Some(&b)) = (ours.get(i), theirs.get(j)) else {
            // Their `*` at the end still stands for something; ours may stand for nothing.
            let ended = i == ours.len() && j == theirs.len();
            let rest_is_nothing = j == theirs.len() && only_many(&ours[i..]);
            let theirs_may_be_nothing = i == ours.len()
                && only_many(&theirs[j..])
                && matches!(pass(Step::Any, Step::Many), Advance::TheirsMayStay);
            if ended || rest_is_nothing || theirs_may_be_nothing {
                return true;
            }
            continue;
        };
        match pass(a, b) {
            Advance::Both => open.push((i + 1, j + 1)),
            Advance::OursMayStay => open.extend([(i, j + 1), (i + 1, j)]),
            Advance::TheirsMayStay => open.extend([(i + 1, j), (i, j + 1)]),
            Advance::Never => {}
        }
    }
    false
}

/// A text in the case that [`Pattern::folded`] compares in.
pub(super) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A small deterministic stream of numbers, for properties.
    pub(in crate::iam) struct Dice(pub(in crate::iam) u64);

    impl Dice {
        pub(in crate::iam) fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
        }

        fn text(&mut self, alphabet: &[char]) -> String {
            (0..self.below(6)).map(|_| alphabet[self.below(alphabet.len())]).collect()
        }
    }

    /// Every text of up to five letters of a small alphabet.
    fn texts() -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..5 {
            last = last.iter().flat_map(|text| ['a', 'b'].map(|c| format!("{text}{c}"))).collect();
            all.extend(last.clone());
        }
        all
    }

    /// The definition itself, as slow as it is plain.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) if plainly(rest, text) => true,
            (Some(('*', _)), Some((_, tail))) => plainly(pattern, tail),
            (Some(('?', rest)), Some((_, tail))) => plainly(rest, tail),
            (Some((a, rest)), Some((b, tail))) => a == b && plainly(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn matching_is_the_definition() {
        let mut dice = Dice(1);
        for _ in 0..200 {
            let pattern = dice.text(&['a', 'b', '*', '?']);
            let chars: Vec<char> = pattern.chars().collect();
            for text in texts() {
                let expected = plainly(&chars, &text.chars().collect::<Vec<_>>());
                assert_eq!(Pattern::glob(&pattern).matches(&text), expected, "{pattern} on {text}");
            }
        }
    }

    #[test]
    fn including_and_overlapping_agree_with_what_is_matched() {
        let (mut dice, texts) = (Dice(2), texts());
        let (mut included, mut apart) = (0, 0);
        for _ in 0..2_000 {
            let (a, b) = (dice.text(&['a', 'b', '*', '?']), dice.text(&['a', 'b', '*', '?']));
            let (left, right) = (Pattern::glob(&a), Pattern::glob(&b));
            let both = texts.iter().any(|text| left.matches(text) && right.matches(text));
            let more = texts.iter().any(|text| !left.matches(text) && right.matches(text));
            if left.includes(&right) {
                included += 1;
                assert!(!more, "`{a}` does not include `{b}`");
            }
            if left.overlaps(&right) {
                // Patterns of up to five steps share a text of up to five letters, if any, or one that is longer.
                assert!(both || a.len() + b.len() > 5, "`{a}` and `{b}` share nothing");
            } else {
                apart += 1;
                assert!(!both, "`{a}` and `{b}` overlap");
            }
        }
        assert!(included > 100 && apart > 100, "{included} {apart}: the dice test nothing");
    }

    #[test]
    fn known_pairs() {
        let glob = Pattern::glob;
        assert!(glob("arn:aws:s3:::b/*").includes(&glob("arn:aws:s3:::b/cur/*")));
        assert!(!glob("arn:aws:s3:::b/cur/*").includes(&glob("arn:aws:s3:::b/*")));
        assert!(!glob("a?").includes(&glob("a*")));
        assert!(glob("*").includes(&glob("")) && glob("a*").includes(&glob("a")));
        assert!(glob("StringEquals").folded().matches(&fold("STRINGequals")));
    }
}
