//! What each setting accepts, and that every refusal names the setting and no secret.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The refusal of one variable, as a person reads it.
fn refusal(name: &str, value: &str) -> String {
    load(&[(name, value)]).map(|_| format!("{name}={value} was accepted")).unwrap_or_else(|error| error.to_string())
}

fn load_with_file(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stagedoor.toml");
    std::fs::write(&path, text).unwrap();
    let mut all = vec![("STAGEDOOR_CONFIG", path.to_str().unwrap())];
    all.extend_from_slice(variables);
    load(&all)
}

fn file_refusal(text: &str) -> String {
    load_with_file(text, &[]).map(|_| format!("{text} was accepted")).unwrap_or_else(|error| error.to_string())
}

#[test]
fn nothing_given_is_the_embedded_gateway() {
    let config = load(&[("PATH", "/bin"), ("STAGEDOOR_TEST_POSTGRES", "anything")]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.database, Database::Sqlite("./stagedoor-data/stagedoor.db".into()));
    assert_eq!(config.redis_url, None);
    assert_eq!(config.data_dir, PathBuf::from("./stagedoor-data"));
    assert!(config.cors_origins.is_empty() && config.trusted_proxies.is_empty());
    assert_eq!(config.database_connections, 8);
    assert_eq!(config.log, "info");
    let lifetimes = [(config.sessions.device, 86_400), (config.sessions.device_idle, 43_200)];
    let backstage = [(config.sessions.backstage, 43_200), (config.sessions.backstage_idle, 3_600)];
    for (lifetime, seconds) in lifetimes.into_iter().chain(backstage) {
        assert_eq!(lifetime, Duration::from_secs(seconds));
    }
    assert_eq!(config.hold, Duration::from_secs(120));
}

#[test]
fn every_setting_can_be_given_in_the_file() {
    let file = r#"
        listen = "localhost:0"
        database_url = "postgresql://door:hunter2@db.example/book"
        database_connections = 16
        redis_url = "redis://:hunter2@cache.example:6379/1"
        data_dir = "elsewhere"
        cors_origins = ["https://Door.example:443", "capacitor://localhost"]
        trusted_proxies = "10.1.2.3/8, ::1"
        device_session_seconds = 4
        device_idle_seconds = 3
        backstage_session_seconds = 2
        backstage_idle_seconds = 1
        hold_seconds = 90
        stop_notice_seconds = 5
        connections = 500
        connections_per_address = 100
        log = "stagedoor=debug,info"
        log_format = "json"
    "#;
    let config = load_with_file(file, &[]).unwrap();
    assert!(config.listen.ip().is_loopback());
    assert_eq!(config.database, Database::Postgres(Secret::new("postgresql://door:hunter2@db.example/book")));
    assert_eq!(config.database_connections, 16);
    assert_eq!(config.redis_url, Some(Redis::At(Secret::new("redis://:hunter2@cache.example:6379/1"))));
    assert_eq!(config.data_dir, PathBuf::from("elsewhere"));
    assert_eq!(config.cors_origins, ["https://door.example", "capacitor://localhost"]);
    assert_eq!(config.trusted_proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert_eq!(config.sessions.device, Duration::from_secs(4));
    assert_eq!(config.sessions.backstage_idle, Duration::from_secs(1));
    assert_eq!(config.hold, Duration::from_secs(90));
    assert_eq!(config.stop_notice, Duration::from_secs(5));
    assert_eq!((config.connections, config.connections_per_address), (500, 100));
    assert_eq!(config.log, "stagedoor=debug,info");
    assert_eq!(config.log_format, LogFormat::Json);
    assert!(!format!("{config:?}").contains("hunter2"));
    for setting in table::SETTINGS.iter().filter(|setting| setting.name != "config") {
        assert!(file.contains(&format!("{} = ", setting.name)), "{} is not in the file", setting.name);
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "database_connections = 4\nlog = \"warn\"\n";
    let config = load_with_file(file, &[("STAGEDOOR_LOG", "debug")]).unwrap();
    assert_eq!((config.database_connections, config.log.as_str()), (4, "debug"));
}

#[test]
fn an_unknown_setting_stops_the_start() {
    for variable in ["STAGEDOOR_LISTN", "STAGEDOOR_listen", "STAGEDOOR_", "STAGEDOOR_TESTS"] {
        let refusal = refusal(variable, "hunter2");
        assert!(refusal.starts_with(&format!("{variable} from the environment is not a setting")), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    for key in ["listn", "LISTEN", "config", "stagedoor_listen"] {
        let refusal = file_refusal(&format!("{key} = \"hunter2\""));
        assert!(refusal.starts_with(&format!("{key} from the file ")), "{refusal}");
        assert!(refusal.contains("is not a setting") && !refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn an_ill_formed_value_stops_the_start() {
    let refused = [
        ("LISTEN", &["", "8080", ":8080x", "127.0.0.1", "127.0.0.1:70000"][..]),
        ("DATA_DIR", &[""]),
        ("CONFIG", &[""]),
        ("DATABASE_CONNECTIONS", &["", "1", "65", "-3", "eight", "8.5"]),
        ("DEVICE_SESSION_SECONDS", &["0", "2592001"]),
        ("DEVICE_IDLE_SECONDS", &["0", "2592001"]),
        ("HOLD_SECONDS", &["0", "3601"]),
        ("BACKSTAGE_SESSION_SECONDS", &["0", "2592001"]),
        ("BACKSTAGE_IDLE_SECONDS", &["0", "2592001", "1h"]),
        ("CORS_ORIGINS", &["*", "https://*", "door.example", "https://a/", "https://a:", "https://u@a", "https://a:x", "https://a,"]),
        ("TRUSTED_PROXIES", &["10.0.0.0/40", "proxy.example", "10.0.0.1,,10.0.0.2"]),
        ("LOG", &["", "stagedoor=loudly"]),
        ("LOG_FORMAT", &["", "JSON", "xml"]),
    ];
    for (name, values) in refused {
        for value in values {
            let refusal = refusal(&format!("STAGEDOOR_{name}"), value);
            assert!(refusal.starts_with(&format!("STAGEDOOR_{name} from the environment is \"")), "{refusal}");
            assert!(refusal.contains("; expected "), "{refusal}");
        }
    }
}

#[test]
fn redis_behind_sentinels_is_named_by_its_sentinels() {
    let config = load(&[("STAGEDOOR_REDIS_URL", "redis+sentinel://ada:hunter2@one,two:7000,[::1]:7001/venue/3")]).unwrap();
    let sentinels = ["redis://one:26379", "redis://two:7000", "redis://[::1]:7001"].map(str::to_owned).into();
    let redis = Secret::new("redis://ada:hunter2@venue/3");
    assert_eq!(config.redis_url, Some(Redis::Sentinels { sentinels, name: "venue".to_owned(), redis }));
}

#[test]
fn a_refusal_never_shows_a_secret() {
    let databases = ["", "hunter2", "mysql://hunter2@db/book", "postgres://", "postgres://u:hunter2@db:port/book", "sqlite:", "sqlite://"];
    let odd = ["sqlite::memory:", "sqlite://hunter2.db?mode=ro", "sqlite:?mode=rwc"];
    let caches = [
        "",
        "hunter2",
        "rediss://:hunter2@cache",
        "redis://",
        "redis://:hunter2@cache:port",
        "redis+unix:///hunter2",
        "redis+sentinel://:hunter2@one,two",
        "redis+sentinel://:hunter2@one,/venue",
        "redis+sentinel://:hunter2@one/",
        "redis+sentinel://:hunter2@one/venue/x",
    ];
    let all = databases.iter().chain(&odd).map(|value| ("STAGEDOOR_DATABASE_URL", value));
    for (name, value) in all.chain(caches.iter().map(|value| ("STAGEDOOR_REDIS_URL", value))) {
        let refusal = refusal(name, value);
        assert!(refusal.starts_with(&format!("{name} from the environment is ill-formed")), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
        let error = load(&[(name, value)]).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert!(refusal("STAGEDOOR_REDIS_URL", "rediss://cache").contains("TLS to Redis is not built in"));
}

#[test]
fn a_file_in_disorder_stops_the_start() {
    let syntax = file_refusal("log = \"info\"\ndatabase_url = \"postgres://u:hunter2@db/book\nlisten = 1");
    assert!(syntax.contains("STAGEDOOR_CONFIG") && syntax.contains("line 2"), "{syntax}");
    assert!(!syntax.contains("hunter2"), "{syntax}");
    for (file, name) in [
        ("listen = 8080", "listen"),
        ("listen = [\"127.0.0.1:0\"]", "listen"),
        ("database_connections = 8.0", "database_connections"),
        ("trusted_proxies = [1]", "trusted_proxies"),
        ("database_url = [\"hunter2\"]", "database_url"),
        ("[log]\nlevel = \"info\"", "log"),
        ("cors_origins = [\"https://a,https://b\"]", "cors_origins"),
    ] {
        let refusal = file_refusal(file);
        assert!(refusal.starts_with(&format!("{name} from the file ")) && refusal.contains("; expected "), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    assert!(refusal("STAGEDOOR_CONFIG", "no/such/file.toml").contains("no/such/file.toml"));
}

#[test]
fn a_list_has_a_limit() {
    let many = vec!["10.0.0.1"; table::LIST_ENTRIES + 1].join(",");
    assert!(refusal("STAGEDOOR_TRUSTED_PROXIES", &many).contains("at most 64"));
    assert!(load(&[("STAGEDOOR_TRUSTED_PROXIES", " ")]).unwrap().trusted_proxies.is_empty());
}

#[test]
fn a_sqlite_file_is_written_in_several_ways() {
    for (url, path) in [
        ("sqlite://book.db", "book.db"),
        ("sqlite:book.db", "book.db"),
        ("sqlite:///var/book.db", "/var/book.db"),
        ("sqlite:/var/book.db?mode=rwc", "/var/book.db"),
    ] {
        assert_eq!(load(&[("STAGEDOOR_DATABASE_URL", url)]).unwrap().database, Database::Sqlite(path.into()));
    }
}

#[test]
fn the_help_names_every_setting() {
    let help = Config::settings_help();
    assert!(table::SETTINGS.iter().all(|setting| help.contains(&setting.variable()) && help.contains(setting.meaning)));
    assert!(help.contains("STAGEDOOR_LISTEN [host:port]") && help.contains("Default: 127.0.0.1:8080."));
}
