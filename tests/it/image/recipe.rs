//! The last stage of the Dockerfile, read: what it copies, as whom it runs what.

/// The image's user and group.
pub const NOBODY: u32 = 65532;

/// What the last stage says.
pub struct Recipe {
    /// `USER`
    pub user: String,
    /// `ENTRYPOINT` and `CMD`
    pub command: Vec<String>,
    /// `HEALTHCHECK`
    pub health: Vec<String>,
}

impl Recipe {
    /// Reads `dockerfile`, and checks that its last stage is empty but for what `deploy/image-root.sh`
    /// laid out.
    pub fn of(dockerfile: &str) -> Self {
        let joined = dockerfile.replace("\\\n", " ");
        let lines: Vec<&str> = joined
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        let last = lines
            .iter()
            .rposition(|line| line.starts_with("FROM "))
            .unwrap();
        let (build, stage) = lines.split_at(last);
        assert_eq!(stage[0], "FROM scratch");
        assert!(
            build
                .iter()
                .any(|line| line.starts_with("RUN make image-root && mv target/image-root /image"))
        );
        let (mut user, mut entry, mut arguments, mut health) =
            ("", Vec::new(), Vec::new(), Vec::new());
        for line in &stage[1..] {
            let (word, rest) = line.split_once(' ').unwrap();
            match word {
                "COPY" => assert_eq!(
                    rest, "--from=build /image/ /",
                    "the test knows of no other copy"
                ),
                "USER" => user = rest,
                "ENTRYPOINT" => entry = list(rest),
                "CMD" => arguments = list(rest),
                "HEALTHCHECK" => health = list(rest.split_once("CMD").unwrap().1),
                "EXPOSE" => {}
                _ => panic!("the test does not know {line}"),
            }
        }
        assert_eq!(user, format!("{NOBODY}:{NOBODY}"));
        Self {
            user: user.to_owned(),
            command: [entry, arguments].concat(),
            health,
        }
    }
}

fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap()
}
