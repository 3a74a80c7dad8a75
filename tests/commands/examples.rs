//! The documentation's examples, sent to the demo that serves it, one after the other as its page has them.

use reqwest::Method;
use serde_json::Value;

use super::demo::Demo;
use crate::support::{Answer, Client, Deployment, on_both};

const PAGE: &str = include_str!("../../src/http/examples.json");

on_both!(every_example_of_the_documentation_works_in_the_demo);
async fn every_example_of_the_documentation_works_in_the_demo(mut deployment: Deployment) {
    let demo = Demo::start(&mut deployment);
    let anybody = demo.gateway.client();
    let document = anybody.get("/openapi.json").await.ok(200);
    let page: Vec<Value> = serde_json::from_str(PAGE).unwrap();
    let mut callers =
        Callers { nobody: anybody.clone(), admin: demo.member("organisation_admin").signed_in(anybody).await.client, till: None };
    for example in &page {
        let call = example["call"].as_str().unwrap();
        let (method, path) = call.split_once(' ').unwrap();
        let documented = &document["paths"][path][method];
        let answer = send(callers.client(example["as"].as_str().unwrap()), method, path, documented).await;
        assert!((200..300).contains(&answer.status), "{call} in {documented}: {answer}");
        callers.learn(call, &answer);
    }
    let told = page.iter().map(|example| example["call"].as_str().unwrap());
    let paths = document["paths"].as_object().unwrap().iter();
    let calls = paths.flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")));
    let (mut told, mut calls): (Vec<_>, Vec<_>) = (told.map(str::to_owned).collect(), calls.collect());
    told.sort();
    calls.sort();
    assert_eq!(told, calls, "each call has one example");
}

/// Sends what the document has as an example, and nothing else.
async fn send(client: &Client, method: &str, path: &str, documented: &Value) -> Answer {
    let mut path = path.to_owned();
    let mut query = Vec::new();
    for parameter in documented["parameters"].as_array().map_or(&[][..], Vec::as_slice) {
        let name = parameter["name"].as_str().unwrap();
        let value = match &parameter["example"] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &value),
            "query" => query.push((name.to_owned(), value)),
            other => panic!("{name} is a parameter in the {other}"),
        }
    }
    let mut request = client.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &path).query(&query);
    let content = documented["requestBody"]["content"].as_object();
    let body = content.and_then(|content| content.iter().find_map(|(media_type, c)| c.get("example").map(|body| (media_type, body))));
    assert_eq!(body.is_some(), documented["requestBody"]["required"] == true, "a body that is needed has an example: {documented}");
    request = match body {
        Some((media_type, Value::String(text))) => request.header("Content-Type", media_type).body(text.clone()),
        Some((_, body)) => request.json(body),
        None => request,
    };
    match documented["responses"]["200"]["content"].get("text/event-stream") {
        // It has no end to be read to.
        Some(_) => Answer::begun(request).await,
        None => Answer::to(request).await,
    }
}

/// Who makes the calls. The till is enrolled and signed in by the examples themselves.
struct Callers {
    nobody: Client,
    admin: Client,
    till: Option<Client>,
}

impl Callers {
    fn client(&self, who: &str) -> &Client {
        match who {
            "nobody" => &self.nobody,
            "admin" => &self.admin,
            "device" | "till" => self.till.as_ref().unwrap(),
            other => panic!("nobody is called {other}"),
        }
    }

    fn learn(&mut self, call: &str, answer: &Answer) {
        let token = match call {
            "post /v1/devices/enrol" => "device_token",
            "post /v1/sessions" => "session_token",
            _ => return,
        };
        self.till = Some(self.nobody.with_token(answer.json()[token].as_str().unwrap()));
    }
}
