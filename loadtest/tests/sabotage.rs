//! A gateway that is wrong in one place: the judge must notice, and say what.
//!
//! The proxy is between the load tester and a real gateway, and alters one kind of answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::gateway::{Demo, Setup};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    /// Nothing.
    None,
    /// A ticket that is shown for the second time is admitted.
    DoubleAdmission,
    /// One in a hundred admissions is answered and never written.
    LostAdmission,
    /// Who has lost a right is let in once more.
    StalePermission,
    /// A sale is answered and never written.
    LostSale,
    /// A sale is answered with a cent too much.
    WrongMoney,
    /// A guest with a good ticket is turned away.
    WrongRefusal,
}

struct Proxy {
    gateway: String,
    sabotage: Sabotage,
    done: AtomicU64,
    last_sale: Mutex<Option<Value>>,
}

impl Proxy {
    /// Starts it in front of a gateway, and answers its address.
    async fn start(gateway: &str, sabotage: Sabotage) -> String {
        let gateway = gateway.strip_prefix("http://").unwrap().to_owned();
        let proxy = Arc::new(Self { gateway, sabotage, done: AtomicU64::new(0), last_sale: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(pass).with_state(proxy);
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        url
    }

    /// One time in ten, and early enough for a short run to meet it.
    fn strikes(&self) -> bool {
        self.done.fetch_add(1, Ordering::Relaxed) % 10 == 3
    }

    async fn forward(&self, request: &Asked) -> (u16, String, Bytes) {
        let mut stream = TcpStream::connect(&self.gateway).await.unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", request.method, request.path, self.gateway);
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
        stream.write_all(&[head.as_bytes(), &request.body].concat()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer without an end") + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head[9..12].parse().unwrap(), head, Bytes::from(answer.split_off(end)))
    }
}

struct Asked {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let kept = |name: &&axum::http::HeaderName| matches!(name.as_str(), "authorization" | "content-type");
    let headers = parts.headers.keys().filter(kept).map(|name| (name.to_string(), parts.headers[name].to_str().unwrap().to_owned()));
    let asked = Asked {
        headers: headers.collect(),
        method: parts.method,
        path: parts.uri.path_and_query().unwrap().to_string(),
        body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
    };
    let sent: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if asked.method == Method::POST
        && let Some(answer) = proxy.before(&asked, &sent)
    {
        return answer;
    }
    let (status, head, body) = proxy.forward(&asked).await;
    let replayed = head.to_ascii_lowercase().contains("idempotent-replayed: true");
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    if asked.method == Method::POST
        && !replayed
        && let Some(answer) = proxy.after(&asked, &sent, status, &told)
    {
        return answer;
    }
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    if replayed {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Body::from(body)).unwrap()
}

fn answer(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn admit(sent: &Value, seq: u64) -> Value {
    json!({
        "id": sent["id"], "verdict": "admit", "reason": null, "message": "Welcome.", "ticket": null,
        "admission": {"seq": seq, "direction": "in", "recorded_at": "2026-06-01T18:00:00.000Z"}, "previous": null,
    })
}

impl Proxy {
    /// What is answered although the gateway was never asked.
    fn before(&self, asked: &Asked, sent: &Value) -> Option<Response> {
        let scan = asked.path == "/v1/scans" && sent["dry_run"] != true;
        match self.sabotage {
            Sabotage::LostAdmission if scan && self.strikes() => Some(answer(200, &admit(sent, 1))),
            Sabotage::WrongRefusal if scan && self.strikes() => {
                let mut no = admit(sent, 1);
                (no["verdict"], no["reason"], no["admission"]) = (json!("refuse"), json!("already_admitted"), Value::Null);
                Some(answer(200, &no))
            }
            Sabotage::LostSale if asked.path == "/v1/sales" => {
                let mut sale = self.last_sale.lock().unwrap().clone().filter(|_| self.strikes())?;
                // A sale like the last one, word for word, but that the ledger knows nothing of it.
                (sale["id"], sale["receipt_number"]) = (sent["id"].clone(), json!(sale["receipt_number"].as_u64().unwrap() + 1_000));
                for ticket in sale["tickets"].as_array_mut().unwrap() {
                    (ticket["id"], ticket["code"]) = (json!(Uuid::new_v4()), json!(Uuid::new_v4()));
                }
                Some(answer(201, &sale))
            }
            _ => None,
        }
    }

    /// What is answered in place of what the gateway has said.
    fn after(&self, asked: &Asked, sent: &Value, status: u16, told: &Value) -> Option<Response> {
        let scan = asked.path == "/v1/scans" && sent["dry_run"] != true;
        match self.sabotage {
            Sabotage::DoubleAdmission if scan && told["reason"] == "already_admitted" && self.strikes() => {
                Some(answer(200, &admit(sent, 2)))
            }
            Sabotage::StalePermission if scan && matches!(status, 401 | 403) && self.strikes() => Some(answer(200, &admit(sent, 1))),
            Sabotage::LostSale if asked.path == "/v1/sales" && status == 201 => {
                *self.last_sale.lock().unwrap() = Some(told.clone());
                None
            }
            Sabotage::WrongMoney if asked.path == "/v1/sales" && status == 201 && self.strikes() => {
                let mut sale = told.clone();
                let total = sale["total"].as_str().unwrap().to_owned();
                sale["total"] = json!(format!("{total}1").replace(".0", ".1"));
                Some(answer(201, &sale))
            }
            _ => None,
        }
    }
}

/// Runs a scenario through the proxy in front of a correct gateway.
async fn played(scenario: &str, sabotage: Sabotage) -> crate::gateway::Played {
    let demo = Demo::start(Setup::Embedded).await;
    let proxy = Proxy::start(&demo.urls[0], sabotage).await;
    demo.play(scenario, &[proxy], &["--own", "--seconds", "2", "--rate", "60", "--phones", "6", "--tills", "2"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_wrong_nothing_is_found() {
    played("steady", Sabotage::None).await.expect_clean();
    played("box-office", Sabotage::None).await.expect_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_admission_is_noticed() {
    played("steady", Sabotage::DoubleAdmission).await.expect_finding("double admission");
    played("one-ticket-many-doors", Sabotage::DoubleAdmission).await.expect_finding("double admission");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_admission_is_noticed() {
    played("steady", Sabotage::LostAdmission).await.expect_finding("lost admission");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_permission_is_noticed() {
    played("revocation", Sabotage::StalePermission).await.expect_finding("written after its permission was gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_sale_is_noticed() {
    played("box-office", Sabotage::LostSale).await.expect_finding("lost sale");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_total_is_noticed() {
    played("box-office", Sabotage::WrongMoney).await.expect_finding("wrong money");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_who_is_turned_away_is_noticed() {
    played("steady", Sabotage::WrongRefusal).await.expect_finding("wrong refusal");
}
