//! What the environment and the file say, before it means anything: each known name with its text and where it came from.
//!
//! Unknown names stop here. A value that may hold a password leaves this module only to be parsed.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use super::ConfigError;
use super::table::{self, Fallback, LIST_ENTRIES, PREFIX, Setting, TEST_PREFIX};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An environment variable.
    Environment,
    /// The file that `STAGEDOOR_CONFIG` names.
    File(PathBuf),
    /// It was not given.
    Default,
}

impl Display for Origin {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Environment => to.write_str("from the environment"),
            Origin::File(path) => write!(to, "from the file {}", path.display()),
            Origin::Default => to.write_str("by default"),
        }
    }
}

/// A text, or the array that only a file can write.
enum Words {
    One(String),
    Many(Vec<String>),
}

struct Entry {
    words: Words,
    origin: Origin,
}

/// Every setting that was given, by its name in lower case.
pub(super) struct Given(BTreeMap<&'static str, Entry>);

impl Given {
    /// Reads the environment, and the file if the environment names one.
    pub fn collect(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut given = variables(environment)?;
        if let Some(path) = given.optional(&table::CONFIG, super::parse::path)? {
            for (name, entry) in file(path)? {
                given.0.entry(name).or_insert(entry);
            }
        }
        Ok(given)
    }

    /// The setting's value; the table's default when none was given.
    pub fn required<T>(&self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        let value = match (self.optional(setting, &parse)?, &setting.fallback) {
            (None, Fallback::Value(text)) => parse(text),
            (value, _) => value,
        };
        value.ok_or_else(|| ill_formed(setting, &Origin::Default, "nothing"))
    }

    /// The setting's value, if one was given.
    pub fn optional<T>(&self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some(entry) = self.0.get(setting.name) else {
            return Ok(None);
        };
        match &entry.words {
            Words::One(text) => parse(text).ok_or_else(|| ill_formed(setting, &entry.origin, text)).map(Some),
            Words::Many(_) => Err(ill_formed(setting, &entry.origin, "an array")),
        }
    }

    /// A whole number within the table's bound.
    pub fn number(&self, setting: &Setting) -> Result<u64, ConfigError> {
        self.required(setting, |text| text.parse().ok().filter(|number| setting.bound.admits(*number)))
    }

    /// A list: with commas between its entries in the environment, either so or as an array in the file.
    pub fn list<T>(&self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, ConfigError> {
        let Some(entry) = self.0.get(setting.name) else {
            return Ok(Vec::new());
        };
        let words: Vec<&str> = match &entry.words {
            Words::One(text) if text.trim().is_empty() => Vec::new(),
            Words::One(text) => text.split(',').map(str::trim).collect(),
            Words::Many(texts) => texts.iter().map(String::as_str).collect(),
        };
        if words.len() > LIST_ENTRIES {
            return Err(ill_formed(setting, &entry.origin, &format!("a list of {}", words.len())));
        }
        words.into_iter().map(|word| parse(word).ok_or_else(|| ill_formed(setting, &entry.origin, word))).collect()
    }
}

/// Our variables in the environment.
fn variables(environment: impl IntoIterator<Item = (String, String)>) -> Result<Given, ConfigError> {
    let mut given = BTreeMap::new();
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        if variable.starts_with(TEST_PREFIX) {
            continue;
        }
        // A name in another case is another variable, and not a setting of the gateway.
        let setting = Setting::named(&name.to_ascii_lowercase()).filter(|setting| setting.variable() == variable);
        let Some(setting) = setting else {
            return Err(ConfigError::Unknown { name: variable, origin: Origin::Environment });
        };
        given.insert(setting.name, Entry { words: Words::One(value), origin: Origin::Environment });
    }
    Ok(Given(given))
}

/// What the file says.
fn file(path: PathBuf) -> Result<BTreeMap<&'static str, Entry>, ConfigError> {
    let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::File { path: path.clone(), reason: error.to_string() })?;
    // TOML's own error quotes the line, which may hold a password. The line's number and the message do not.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::File {
        path: path.clone(),
        reason: format!("line {}: {}", line(&text, &error), error.message()),
    })?;
    let origin = Origin::File(path);
    table.into_iter().map(|(name, value)| entry(name, value, &origin)).collect()
}

fn line(text: &str, error: &toml::de::Error) -> usize {
    let start = error.span().map_or(0, |span| span.start);
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

fn entry(name: String, value: toml::Value, origin: &Origin) -> Result<(&'static str, Entry), ConfigError> {
    // A file that names another file would be a second place to look for every setting.
    let setting = Setting::named(&name).filter(|setting| setting.name != table::CONFIG.name);
    let Some(setting) = setting else {
        return Err(ConfigError::Unknown { name, origin: origin.clone() });
    };
    let kind = value.type_str();
    let words = words(value).ok_or_else(|| ill_formed(setting, origin, kind))?;
    Ok((setting.name, Entry { words, origin: origin.clone() }))
}

fn words(value: toml::Value) -> Option<Words> {
    match value {
        toml::Value::String(text) => Some(Words::One(text)),
        toml::Value::Integer(number) => Some(Words::One(number.to_string())),
        toml::Value::Boolean(truth) => Some(Words::One(truth.to_string())),
        toml::Value::Array(values) => values.into_iter().map(text).collect::<Option<_>>().map(Words::Many),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn text(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        _ => None,
    }
}

/// The refusal of a value, named as it was written where it was found.
fn ill_formed(setting: &Setting, origin: &Origin, found: &str) -> ConfigError {
    const SHOWN_CHARACTERS: usize = 80;
    let name = match origin {
        Origin::File(_) => setting.name.to_owned(),
        Origin::Environment | Origin::Default => setting.variable(),
    };
    let found = match setting.secret {
        true => "ill-formed (its value is not shown)".to_owned(),
        false => format!("{:?}", found.chars().take(SHOWN_CHARACTERS).collect::<String>()),
    };
    ConfigError::IllFormed { name, origin: origin.clone(), found, expected: setting.bound.to_string() }
}
