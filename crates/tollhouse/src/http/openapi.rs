//! The OpenAPI document: every route with its parameters, answers and limits. It is written by hand; the tests here hold its paths, methods and
//! limits against the router, and the town of the integration tests holds every answer that it gets against it.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Where it is served.
pub(super) const PATH: &str = "/openapi.json";

/// The document.
const DOCUMENT: &str = include_str!("../../assets/openapi.json");

/// Serves it.
pub async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use axum::body::Body;
    use axum::http::{Method, Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::app::{App, VERSION};
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::http::{form, limits, link, live, router, routes};
    use crate::no_store::NoStore;

    /// What a path may be asked with, in the document's words.
    const METHODS: [(Method, &str); 5] = [
        (Method::GET, "get"),
        (Method::POST, "post"),
        (Method::PUT, "put"),
        (Method::PATCH, "patch"),
        (Method::DELETE, "delete"),
    ];

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
        value.as_object().into_iter().flatten()
    }

    /// Each operation with its path and method.
    fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
        let of_path = |(path, item)| {
            let named = METHODS.iter().map(|(_, name)| *name);
            named.filter_map(move |name| Some((path, name, Value::get(item, name)?)))
        };
        members(&document["paths"]).map(|(path, item)| (path.as_str(), item)).flat_map(of_path).collect()
    }

    #[test]
    fn the_document_has_the_routers_paths_and_no_others() {
        let document = document();
        let documented: BTreeSet<&str> = members(&document["paths"]).map(|(path, _)| path.as_str()).collect();
        let served: BTreeSet<&str> = routes().into_iter().map(|(path, _)| path).collect();
        assert_eq!(documented, served);
    }

    #[tokio::test]
    async fn the_document_has_the_routers_methods_and_no_others() {
        let app = App::with_store(Config::from_values(&[]).unwrap(), Clock::default(), NoStore::shared());
        let router = router(app.unwrap());
        let document = document();
        for (path, item) in members(&document["paths"]) {
            let asked = path.replace(['{', '}'], "");
            for (method, name) in METHODS {
                let request = Request::builder().method(method).uri(&asked).body(Body::empty()).unwrap();
                let answer = router.clone().oneshot(request).await.unwrap().status();
                let is_served = answer != StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(is_served, item.get(name).is_some(), "{name} {path}: {answer}");
                let documented = &item[name]["responses"][answer.as_str()];
                assert!(!is_served || documented.is_object(), "{name} {path} answers {answer}");
            }
        }
    }

    #[test]
    fn the_document_is_whole() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], VERSION);
        let mut ids = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}: an id twice");
            assert!(operation["summary"].is_string(), "{method} {path} lacks a summary");
            for (status, answer) in members(&operation["responses"]) {
                let answer = resolved(&document, answer);
                assert!(answer["description"].is_string(), "{method} {path} {status} is not described");
            }
            let named: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let of_item = document["paths"][path]["parameters"].as_array().into_iter().flatten();
            let of_path = of_item.map(|parameter| resolved(&document, parameter));
            let described: BTreeSet<&str> = of_path.map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(described, named, "{path}");
        }
        let mut used = BTreeMap::new();
        references(&document, &mut used);
        for (reference, count) in &used {
            assert!(document.pointer(reference).is_some(), "{reference}, named {count} times, is nowhere");
        }
        for (kind, parts) in members(&document["components"]) {
            for (name, _) in members(parts) {
                let reference = format!("/components/{kind}/{name}");
                assert!(used.contains_key(&reference), "{reference} is named by nothing");
            }
        }
    }

    /// Follows a `$ref`.
    fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    fn references(value: &Value, found: &mut BTreeMap<String, usize>) {
        if let Some(reference) = value["$ref"].as_str() {
            *found.entry(reference.trim_start_matches('#').to_owned()).or_default() += 1;
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| references(member, found)),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_documents_limits_are_those_of_the_code() {
        let document = document();
        let says = |pointer: &str, number: &dyn std::fmt::Display| {
            let text =
                document.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")).to_string();
            let number = number.to_string();
            let words = text.split(|c: char| !c.is_ascii_digit());
            assert!(words.clone().any(|word| word == number), "{pointer} does not say {number}: {text}");
        };
        for path in ["/paths/~1/post", "/paths/~1webhooks~1nowpayments/post"] {
            says(&format!("{path}/description"), &nowpayments::BODY_BYTES_MAX);
            says(&format!("{path}/responses/413"), &nowpayments::BODY_BYTES_MAX);
        }
        let update = crate::bot::webhook::UPDATE_BYTES_MAX;
        says("/paths/~1webhooks~1telegram/post/description", &update);
        says("/paths/~1webhooks~1telegram/post/responses/413", &update);
        says("/paths/~1o~1{order}~1coin/post/responses/413", &form::BYTES_MAX);
        says("/paths/~1o~1{order}~1coin/post/responses/408", &form::SECONDS_MAX);
        says("/paths/~1o~1{order}~1events/get/description", &live::STREAMS_MAX);
        says("/components/parameters/Slug/schema/maxLength", &link::SLUG_LENGTH_MAX);
        let order_id = "/paths/~1api~1payment-status/get/parameters/0/schema/maxLength";
        says(order_id, &tollhouse_core::order_ref::ORDER_REF_LENGTH_MAX);
        for limit in [
            limits::READS_PER_SECOND,
            limits::READS_AT_ONCE_MAX,
            limits::ORDERS_PER_MINUTE,
            limits::ORDERS_AT_ONCE_MAX,
        ] {
            says("/info/description", &limit);
        }
    }
}
