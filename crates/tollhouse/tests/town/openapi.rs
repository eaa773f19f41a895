//! Holds every answer that a town gets against the OpenAPI document: its status, its media type, and what JSON is in it.

use std::sync::LazyLock;

use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap());

/// Panics where an answer is not as the document has it; what is asked for in a way that it does not have has its own answers, 404 and 405.
pub fn check(method: &str, path: &str, status: u16, media_type: Option<&str>, body: &str) {
    let asked = format!("{method} {path}");
    let path = path.split('?').next().unwrap();
    let Some(item) = item(path) else {
        assert_eq!(status, 404, "{asked} is not in the OpenAPI document");
        return;
    };
    let Some(operation) = item.get(method.to_ascii_lowercase()) else {
        assert_eq!(status, 405, "{asked} is not in the OpenAPI document");
        return;
    };
    let answer = &operation["responses"][status.to_string()];
    assert!(answer.is_object(), "{asked}: the OpenAPI document has no answer {status}");
    let Some(content) = resolved(answer)["content"].as_object() else {
        assert_eq!((media_type, body), (None, ""), "{asked}: {status} has a body");
        return;
    };
    let media_type = media_type.unwrap_or_default().split(';').next().unwrap();
    let described = content.get(media_type).unwrap_or_else(|| panic!("{asked}: {status} as {media_type:?}"));
    if media_type.ends_with("json") {
        let value: Value = serde_json::from_str(body).unwrap();
        fits(&value, &described["schema"]).unwrap_or_else(|why| panic!("{asked}: {status}: {why}\n{body}"));
    }
}

/// The path of the document that a path is one of; a plain one before one with a variable.
fn item(path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let is_one = |pattern: &str| {
        let (mut parts, mut wanted) = (path.split('/'), pattern.split('/'));
        let each = wanted.by_ref().all(|wanted| {
            parts.next().is_some_and(|part| wanted == part || (wanted.starts_with('{') && !part.is_empty()))
        });
        each && parts.next().is_none()
    };
    paths.get(path).or_else(|| paths.iter().find(|(pattern, _)| is_one(pattern)).map(|(_, item)| item))
}

fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Whether a value is as a schema says, in the few words of JSON Schema that the document uses for answers.
fn fits(value: &Value, schema: &'static Value) -> Result<(), String> {
    let schema = resolved(schema);
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        return Err(format!("{value} is not {constant}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the OpenAPI document has a type {other:?}"),
    };
    if !types.is_empty() && !types.iter().any(is) {
        return Err(format!("{value} is no {types:?}"));
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, member) in members {
        let of_member = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        match of_member {
            Some(Value::Bool(false)) => return Err(format!("{name} is not in the document")),
            Some(schema @ Value::Object(_)) => {
                fits(member, schema).map_err(|why| format!("{name}: {why}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}
