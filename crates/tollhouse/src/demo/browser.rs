//! A buyer's browser, and the program that asks for a status: the outside of Tollhouse, over HTTP.
#![expect(clippy::disallowed_methods, reason = "the demo's people open pages from here and only from here")]

use anyhow::{Context, bail};
use jiff::civil::DateTime;
use nowpayments::SIGNATURE_HEADER;
use serde_json::Value;

/// A browser on one installation.
#[derive(Clone)]
pub(super) struct Browser {
    http: reqwest::Client,
    base: String,
}

/// A page as it came.
pub(super) struct Page {
    /// Its HTTP status.
    pub(super) status: u16,
    /// Where it came from, after redirects.
    pub(super) url: String,
    /// Its source.
    pub(super) text: String,
}

impl Browser {
    pub(super) fn new(base: &str) -> anyhow::Result<Self> {
        // The demo never leaves this machine; a proxy could not find the way back.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// Opens a page.
    pub(super) async fn open(&self, path: &str) -> anyhow::Result<Page> {
        let response = self.http.get(format!("{}{path}", self.base)).send().await?;
        Page::read(response).await
    }

    /// Presses a button, and follows to where it leads.
    pub(super) async fn press(&self, path: &str) -> anyhow::Result<Page> {
        let response = self.http.post(format!("{}{path}", self.base)).send().await?;
        Page::read(response).await
    }

    /// What programs are told about an order.
    pub(super) async fn status(&self, order: &str) -> anyhow::Result<Value> {
        let url =
            url::Url::parse_with_params(&format!("{}/api/payment-status", self.base), [("order_id", order)])?;
        Ok(self.http.get(url).send().await?.json().await?)
    }

    /// Sends a notification as the provider does; the HTTP status and the answer.
    pub(super) async fn notify(
        &self,
        url: &str,
        body: String,
        signature: &str,
    ) -> anyhow::Result<(u16, Value)> {
        let request = self.http.post(url).header("content-type", "application/json");
        let response = request.header(SIGNATURE_HEADER, signature).body(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// Keeps the page of an order open: what it is told as things happen.
    pub(super) async fn follow(&self, order: &str) -> anyhow::Result<LivePage> {
        let response = self.http.get(format!("{}/o/{order}/events", self.base)).send().await?;
        Ok(LivePage { response: response.error_for_status()?, unread: String::new() })
    }
}

/// An open page that follows its order.
pub(super) struct LivePage {
    response: reqwest::Response,
    unread: String,
}

impl LivePage {
    /// The next state that the page is told.
    pub(super) async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            while let Some((line, rest)) = self.unread.split_once('\n') {
                let state = line.strip_prefix("data:").map(|json| serde_json::from_str(json.trim()));
                self.unread = rest.to_owned();
                if let Some(state) = state {
                    return Ok(state?);
                }
            }
            let Some(chunk) = self.response.chunk().await? else { bail!("the page's stream ended") };
            self.unread.push_str(std::str::from_utf8(&chunk).context("half a character")?);
        }
    }
}

impl Page {
    async fn read(response: reqwest::Response) -> anyhow::Result<Self> {
        let (status, url) = (response.status().as_u16(), response.url().to_string());
        Ok(Self { status, url, text: response.text().await? })
    }

    /// Whether it says that.
    pub(super) fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// Where its one big button leads.
    pub(super) fn button(&self) -> Option<String> {
        let tag = self.text.split("<a ").skip(1).find(|tag| tag.starts_with(r#"class="go"#))?;
        let (tag, _) = tag.split_once('>')?;
        let (link, _) = tag.split_once(r#"href=""#)?.1.split_once('"')?;
        Some(link.replace("&amp;", "&"))
    }

    /// Until when it says that access lasts.
    pub(super) fn until(&self) -> Option<DateTime> {
        let (_, rest) = self.text.split_once("Your access lasts until ")?;
        let (date, _) = rest.split_once(" UTC")?;
        DateTime::strptime("%d %B %Y, %H:%M", date).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_a_person_reads_it() {
        let text = r#"<p>Your access lasts until 5 December 2025, 07:05 UTC.</p><a class="go" rel="noreferrer" href="https://t.me/x?a=1&amp;b=2">Go</a>"#;
        let page = Page { status: 200, url: String::new(), text: text.to_owned() };
        assert_eq!(page.until(), Some(jiff::civil::date(2025, 12, 5).at(7, 5, 0, 0)));
        assert_eq!(page.button().as_deref(), Some("https://t.me/x?a=1&b=2"));
    }
}
