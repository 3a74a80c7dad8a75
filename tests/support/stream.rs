//! A terminal that listens instead of asking.

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::{Answer, Client, PATIENCE};

/// A stream that is open.
pub struct Listener {
    response: Response,
    unread: String,
    /// The id of the last message.
    pub last_id: String,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    pub data: Value,
    pub id: String,
}

impl Client {
    /// Opens a stream; `query` begins with a question mark, or is empty.
    pub async fn listen(&self, query: &str) -> Listener {
        self.listen_since(query, None).await
    }

    /// Opens a stream again, with the id of the last message.
    pub async fn listen_since(&self, query: &str, last_id: Option<&str>) -> Listener {
        let request = self.request(Method::GET, &format!("/v1/stream{query}")).header("Accept", "text/event-stream");
        let request = match last_id {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{:?}", response.text().await);
        let media_type = response.headers().get("content-type").unwrap().to_str().unwrap().to_owned();
        assert!(media_type.starts_with("text/event-stream"), "{media_type}");
        Listener { response, unread: String::new(), last_id: String::new() }
    }

    /// Asks for a stream that is refused.
    pub async fn may_not_listen(&self, query: &str) -> Answer {
        self.get(&format!("/v1/stream{query}")).await
    }
}

impl Listener {
    /// The next message; none when the stream has ended, in order or not.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let heard = heard(block);
                self.unread = rest.to_owned();
                if let Some(heard) = heard {
                    self.last_id.clone_from(&heard.id);
                    return Some(heard);
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("nothing was told");
            match chunk {
                Ok(Some(bytes)) => self.unread.push_str(std::str::from_utf8(&bytes).expect("events are told one by one")),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Reads until this message; the ones before it are dropped.
    pub async fn hears(&mut self, name: &str, is_meant: impl Fn(&Value) -> bool) -> Heard {
        let mut before = Vec::new();
        while let Some(heard) = self.next().await {
            if heard.name == name && is_meant(&heard.data) {
                return heard;
            }
            before.push(heard);
        }
        panic!("the stream ended without {name}, after {before:?}");
    }

    /// The next thing is of this name.
    pub async fn hears_next(&mut self, name: &str) -> Heard {
        let heard = self.next().await.unwrap_or_else(|| panic!("the stream ended instead of telling {name}"));
        assert_eq!(heard.name, name, "{heard:?}");
        heard
    }

    /// The session is over: this is the last message, and then the stream ends.
    pub async fn hears_the_end(&mut self, code: &str) -> Value {
        let end = self.hears("session", |_| true).await;
        assert_eq!((&end.data["code"], &end.data["status"]), (&Value::from(code), &Value::from(401)), "{end:?}");
        assert!(self.next().await.is_none(), "nothing is told after the end");
        end.data
    }
}

/// The message in a block of lines; none if it is a comment, or a retry time.
fn heard(block: &str) -> Option<Heard> {
    let field =
        |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|value| value.trim_start().to_owned());
    let data = field("data")?;
    let data = serde_json::from_str(&data).unwrap_or_else(|_| panic!("not JSON: {data}"));
    Some(Heard { name: field("event").expect("each event has a name"), data, id: field("id").expect("each event has an id") })
}
