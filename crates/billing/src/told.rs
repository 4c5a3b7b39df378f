//! What others wrote, as an error may repeat it: cut short, and without what a terminal would obey.

/// A name or a cell.
pub fn told(text: &str) -> String {
    cut(text, 60)
}

/// A sentence: what somebody else's reader says, or one of ours that repeats more than one name.
pub fn told_whole(text: &str) -> String {
    cut(text, 2000)
}

fn cut(text: &str, longest: usize) -> String {
    let plain = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    let mut told: String = text.chars().take(longest).map(plain).collect();
    if text.chars().nth(longest).is_some() {
        told.push('…');
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_and_commands_are_taken_out() {
        assert_eq!(told("plain, ü and →"), "plain, ü and →");
        assert_eq!(told("\u{1b}[2J\n\0"), "\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(told(&"ü".repeat(60)), "ü".repeat(60));
        assert_eq!(told(&"ü".repeat(61)), format!("{}…", "ü".repeat(60)));
        assert_eq!(told_whole(&"x".repeat(3000)).chars().count(), 2001);
    }
}
