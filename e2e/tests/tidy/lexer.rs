//! Just enough of Rust's lexical grammar to tell code from comments and literals, and tests from the rest.

/// Rust source with comments and the contents of literals replaced by spaces; line breaks stay, so that offsets and
/// line numbers remain those of the file.
pub(crate) fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (start, end) = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => (at, line_end(bytes, at)),
            b'/' if bytes.get(at + 1) == Some(&b'*') => (at, block_comment_end(bytes, at)),
            b'"' => (at + 1, string_end(bytes, at)),
            b'r' if starts_raw_string(bytes, at) => (at + 1, raw_string_end(bytes, at)),
            b'\'' => match char_end(bytes, at) {
                Some(end) => (at + 1, end),
                None => (at, at), // a lifetime or a label
            },
            _ => (at, at),
        };
        for byte in &mut out[start.min(end)..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The contents of every string literal of the source, as written (escapes are not resolved).
pub(crate) fn string_literals(source: &str) -> Vec<String> {
    let bytes = source.as_bytes();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if starts_raw_string(bytes, at) => raw_string_end(bytes, at),
            b'\'' => char_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        if end > at && matches!(bytes[at], b'"' | b'r') {
            let text = String::from_utf8_lossy(&bytes[at..end]);
            literals.push(text.trim_start_matches(['r', '#']).trim_matches(['"', '#']).to_owned());
        }
        at = end.max(at + 1);
    }
    literals
}

/// Blanks every item under `#[cfg(test)]` and every `#[test]` function of source that went through [`code_only`].
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for attribute in ["#[cfg(test)]", "#[test]", "#[tokio::test"] {
        let mut from = 0;
        while let Some(offset) = code[from..].find(attribute) {
            let start = from + offset;
            let end = item_end(code.as_bytes(), start + attribute.len());
            for byte in &mut out[start..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            from = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Names of the modules a file declares under `#[cfg(test)]` without a body: their files are tests as a whole.
pub(crate) fn test_modules(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (offset, attribute) in code.match_indices("#[cfg(test)]") {
        let mut words = code[offset + attribute.len()..].split_whitespace().skip_while(|word| word.starts_with("pub"));
        if words.next() == Some("mod")
            && let Some(name) = words.next().and_then(|word| word.strip_suffix(';'))
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// Where the item that begins at `at` ends: after its `;`, or after the brace that closes its first block.
fn item_end(code: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < code.len() {
        match code[at] {
            b';' if depth == 0 => return at + 1,
            b'{' | b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    code.len()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |offset| at + offset)
}

fn block_comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn starts_raw_string(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|index| bytes[index]);
    let inside_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && before != Some(b'b');
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    !inside_word && bytes.get(at + 1 + hashes) == Some(&b'"')
}

fn raw_string_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    let mut closing = vec![b'"'];
    closing.resize(hashes + 1, b'#');
    let body = at + hashes + 2;
    bytes[body..]
        .windows(closing.len())
        .position(|window| window == closing)
        .map_or(bytes.len(), |offset| body + offset + closing.len())
}

/// The end of a character literal, or nothing when the quote begins a lifetime.
fn char_end(bytes: &[u8], quote: usize) -> Option<usize> {
    if bytes.get(quote + 1) == Some(&b'\\') {
        let close = bytes[quote + 3..].iter().position(|&byte| byte == b'\'')?;
        return Some(quote + 3 + close + 1);
    }
    // One character of up to four bytes, then the closing quote.
    let rest = std::str::from_utf8(&bytes[quote + 1..]).ok()?;
    let width = rest.chars().next()?.len_utf8();
    (bytes.get(quote + 1 + width) == Some(&b'\'')).then_some(quote + 1 + width + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let source = "a(); // b()\nc(\"d()\\\"e()\"); /* f() /* g() */\n h() */ i('j', r#\"k()\"#, b\"l()\", '\\'');\nfn m<'n>() {}";
        let code = code_only(source);
        assert_eq!(code.len(), source.len());
        assert_eq!(code.lines().count(), source.lines().count());
        for kept in ["a();", "c(", "i(", "fn m<'n>() {}"] {
            assert!(code.contains(kept), "{kept} is missing from {code}");
        }
        for gone in ["b()", "d()", "e()", "f()", "g()", "h()", "j", "k()", "l()"] {
            assert!(!code.contains(gone), "{gone} is left in {code}");
        }
    }

    #[test]
    fn test_items_are_blanked() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { c(); }\n}\nfn d() {}\n#[test]\nfn e() { f([1; 2]); }\nfn g() {}\n";
        let rest = without_tests(code);
        for kept in ["fn a()", "fn d()", "fn g()"] {
            assert!(rest.contains(kept), "{kept} is missing from {rest}");
        }
        for gone in ["fn b()", "fn e()"] {
            assert!(!rest.contains(gone), "{gone} is left in {rest}");
        }
    }

    #[test]
    fn modules_of_tests_and_literals_are_named() {
        assert_eq!(test_modules("#[cfg(test)]\nmod a;\nmod b;\n#[cfg(test)]\nmod c {}\n"), ["a"]);
        assert_eq!(string_literals("x(\"a/b\", r#\"c\"#); // \"d\"\n"), ["a/b", "c"]);
    }
}
