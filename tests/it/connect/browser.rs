//! As much of a browser as the flow needs: cookies, and forms; links are followed by hand.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};

pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads.
    pub fn location(&self) -> String {
        self.headers[LOCATION].to_str().unwrap().to_owned()
    }

    /// What is said, in its heading.
    pub fn heading(&self) -> &str {
        let start = self.text.split("<h1>").nth(1).unwrap_or_default();
        start.split("</h1>").next().unwrap_or_default()
    }
}

impl Browser {
    pub fn new() -> Self {
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { http, cookies: BTreeMap::new() }
    }

    pub async fn get(&mut self, url: &str) -> Page {
        self.send(self.http.get(url)).await
    }

    pub async fn head(&mut self, url: &str) -> Page {
        self.send(self.http.head(url)).await
    }

    pub async fn submit(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(url).header("Content-Type", "application/x-www-form-urlencoded");
        self.send(request.body(body)).await
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for set in headers.get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.remove(name);
            if !set.contains("Max-Age=0") {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page { status, headers, text: answer.text().await.unwrap() }
    }
}
