//! What the README shows is what works.

#[test]
fn the_readme_s_file_is_fine() {
    let readme = include_str!("../../../README.md");
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "the README shows a file");
    for block in blocks {
        if let Err(problems) = config::parse("README.md", block) {
            panic!("{}", problems.render(false));
        }
    }
}
