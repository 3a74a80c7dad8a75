//! An example of every call, in the order in which an evening makes them. The file `examples.json` holds them; they are written into the
//! OpenAPI document, where the viewer sends them unchanged.
//!
//! A value that depends on the data (an event, a code) is a name in braces. The demo gives its own values for these names, so that each
//! example works there; otherwise the [`PLACEHOLDERS`] are used.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value};

const PAGE: &str = include_str!("examples.json");

/// The value of each name in braces.
pub type ExampleValues = BTreeMap<&'static str, String>;

/// The names in braces that examples use, each with its default value.
pub const PLACEHOLDERS: [(&str, &str); 14] = [
    ("organisation", "club"),
    ("event", "0199a1b2-0000-7000-8000-000000000001"),
    ("other_event", "0199a1b2-0000-7000-8000-000000000002"),
    ("ticket_type", "0199a1b2-0000-7000-8000-000000000003"),
    ("ticket_code", "k7qj2kz5cmyyphx4jcrw3gcvbd"),
    ("pos_code", "ABCDE-FGHIJ-KLMNO-PQRST"),
    ("device", "0199a1b2-0000-7000-8000-000000000004"),
    ("member", "0199a1b2-0000-7000-8000-000000000005"),
    ("member_to_go", "0199a1b2-0000-7000-8000-000000000006"),
    ("session", "0199a1b2-0000-7000-8000-000000000007"),
    ("admin_password", "a long password"),
    ("guest_list", "0199a1b2-0000-7000-8000-000000000008"),
    ("guest", "0199a1b2-0000-7000-8000-000000000009"),
    ("seller_password", "another long password"),
];

/// An example of one call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// The method in lower case and the path as the document has it.
    call: String,
    /// Whose token it takes: for readers of the file and for the test that sends it.
    #[serde(rename = "as")]
    _as: String,
    /// Parameters of the path and of the query.
    #[serde(default)]
    parameters: Map<String, Value>,
    /// The body, if there is one.
    body: Option<Value>,
    /// Its media type, if it is not JSON.
    media_type: Option<String>,
}

/// Writes the examples into the document. An example of a call or parameter that the document does not have is an error.
pub fn write_into(document: &mut Value, given: &ExampleValues) -> anyhow::Result<()> {
    let page: Vec<Example> = serde_json::from_str(PAGE)?;
    for mut example in page {
        let (method, path) = example.call.split_once(' ').context("a call is a method and a path")?;
        let call = document.pointer_mut(&format!("/paths/{}/{method}", path.replace('~', "~0").replace('/', "~1")));
        let call = call.with_context(|| format!("{} is no call of the document", example.call))?;
        for (name, mut value) in example.parameters {
            fill_in(&mut value, given);
            let parameters = call.get_mut("parameters").and_then(Value::as_array_mut);
            let found = parameters.and_then(|list| list.iter_mut().find(|p| p.get("name").is_some_and(|n| n == &name)));
            let parameter = found.and_then(Value::as_object_mut).with_context(|| format!("{} has no parameter {name}", example.call))?;
            parameter.insert("example".to_owned(), value);
        }
        if let Some(body) = &mut example.body {
            fill_in(body, given);
            let media_type = example.media_type.as_deref().unwrap_or("application/json");
            let content = call.pointer_mut(&format!("/requestBody/content/{}", media_type.replace('/', "~1")));
            let content = content.and_then(Value::as_object_mut).with_context(|| format!("{} takes no {media_type}", example.call))?;
            content.insert("example".to_owned(), body.take());
        }
    }
    Ok(())
}

/// Replaces the names in braces in every text.
fn fill_in(value: &mut Value, given: &ExampleValues) {
    match value {
        Value::String(text) => {
            for (name, default) in PLACEHOLDERS {
                *text = text.replace(&format!("{{{name}}}"), given.get(name).map_or(default, String::as_str));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| fill_in(value, given)),
        Value::Object(members) => members.values_mut().for_each(|value| fill_in(value, given)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
