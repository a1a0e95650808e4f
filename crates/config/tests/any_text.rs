//! Whatever the text is, there is an answer: no panic while reading it, and none while showing what is wrong.

use config::options::SECTIONS;
use proptest::prelude::*;

fn read_and_render(text: &str) {
    if let Err(problems) = config::parse("f", text) {
        let _ = (problems.render(false), problems.render(true), problems.to_string());
    }
}

/// A line that has something to do with the language: a header, an option with some value, or noise.
fn line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = SECTIONS.iter().flat_map(|section| section.options.iter().map(|option| option.key)).collect();
    let headers: Vec<String> =
        SECTIONS.iter().flat_map(|section| [format!("[{}]", section.name), format!("[[{}]]", section.name)]).collect();
    let value = prop_oneof![
        proptest::sample::select(
            SECTIONS.iter().flat_map(|section| section.options.iter().map(|option| option.example)).collect::<Vec<_>>()
        )
        .prop_map(str::to_owned),
        "\"[0-9]{0,21}(ms|s|h|MiB|TiB|.[0-9]s)?\"",
        "-?[0-9]{1,45}",
        "\\PC{0,12}",
        Just("[{a = 1}, [[1]]]".to_owned()),
        Just("\"\"\"\nä".to_owned()),
    ];
    prop_oneof![
        2 => proptest::sample::select(headers),
        6 => (proptest::sample::select(keys), value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => "\\PC{0,20}",
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_characters_are_answered(text in any::<String>()) {
        read_and_render(&text);
    }

    #[test]
    fn any_lines_are_answered(lines in proptest::collection::vec(line(), 0..30), crlf in any::<bool>()) {
        read_and_render(&lines.join(if crlf { "\r\n" } else { "\n" }));
    }

    #[test]
    fn any_cut_or_hole_in_a_good_file_is_answered(from in 0_usize..4_000, length in 0_usize..40) {
        let mut text = include_str!("../../../examples/standfast.toml").to_owned();
        let from = text.floor_char_boundary(from.min(text.len()));
        let to = text.floor_char_boundary((from + length).min(text.len()));
        read_and_render(&text[..from]);
        text.replace_range(from..to, "");
        read_and_render(&text);
    }

    #[test]
    fn any_lines_missing_from_a_good_file_of_addresses_are_answered(gone in proptest::collection::vec(0_usize..140, 0..12)) {
        let lines = include_str!("addresses/full.toml").lines().enumerate();
        let left: Vec<&str> = lines.filter(|(nr, _)| !gone.contains(nr)).map(|(_, line)| line).collect();
        read_and_render(&left.join("\n"));
    }
}

#[test]
fn deep_nesting_and_long_lines_are_answered() {
    read_and_render(&"[".repeat(100_000));
    read_and_render(&format!("x = {}", "[".repeat(100_000)));
    read_and_render(&format!("x{}", ".x".repeat(50_000)));
    read_and_render(&"x".repeat(1 << 20));
}
