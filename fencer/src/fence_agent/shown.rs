//! A value as it may be shown to people: one that is no more than itself. Two options that share a line are one
//! value, and the second may be a password.

/// The value in quotes, or `(not shown)` for one that may be more than one option.
pub(super) fn shown(value: &str) -> String {
    const MAX: usize = 40;
    if is_one(value) && value.len() <= MAX {
        format!("{value:?}")
    } else {
        "(not shown)".to_owned()
    }
}

/// Whether it has no blank, no control character and no `=`.
pub(super) fn is_one(value: &str) -> bool {
    !value.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_unless_it_may_be_more_than_one_option() {
        assert_eq!(shown("soon"), "\"soon\"");
        assert_eq!(shown(""), "\"\"");
        for joined in ["5 password=x", "5\rpassword", "5\tp", "5=x", &"x".repeat(41)] {
            assert_eq!(shown(joined), "(not shown)");
        }
    }
}
