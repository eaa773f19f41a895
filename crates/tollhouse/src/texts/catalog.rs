//! The fluent files, read once, and the way from a message's name to its words.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use tollhouse_telegram::{Html, escape};

use super::Language;

/// The files of a language, each with what it holds.
pub(super) fn sources(language: Language) -> [(&'static str, &'static str); 6] {
    match language {
        Language::English => [
            ("en/telegram.ftl", include_str!("../../texts/en/telegram.ftl")),
            ("en/owner.ftl", include_str!("../../texts/en/owner.ftl")),
            ("en/page.ftl", include_str!("../../texts/en/page.ftl")),
            ("en/attention.ftl", include_str!("../../texts/en/attention.ftl")),
            ("en/common.ftl", include_str!("../../texts/en/common.ftl")),
            ("en/offer.ftl", include_str!("../../texts/en/offer.ftl")),
        ],
        Language::Russian => [
            ("ru/telegram.ftl", include_str!("../../texts/ru/telegram.ftl")),
            ("ru/owner.ftl", include_str!("../../texts/ru/owner.ftl")),
            ("ru/page.ftl", include_str!("../../texts/ru/page.ftl")),
            ("ru/attention.ftl", include_str!("../../texts/ru/attention.ftl")),
            ("ru/common.ftl", include_str!("../../texts/ru/common.ftl")),
            ("ru/offer.ftl", include_str!("../../texts/ru/offer.ftl")),
        ],
        Language::Spanish => [
            ("es/telegram.ftl", include_str!("../../texts/es/telegram.ftl")),
            ("es/owner.ftl", include_str!("../../texts/es/owner.ftl")),
            ("es/page.ftl", include_str!("../../texts/es/page.ftl")),
            ("es/attention.ftl", include_str!("../../texts/es/attention.ftl")),
            ("es/common.ftl", include_str!("../../texts/es/common.ftl")),
            ("es/offer.ftl", include_str!("../../texts/es/offer.ftl")),
        ],
    }
}

/// A value that goes into a message.
#[derive(Debug, Clone)]
pub enum Value {
    /// A name, an amount, a date: shown as it is.
    Text(String),
    /// A number that a plural may depend on.
    Count(u32),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Self::Count(count)
    }
}

/// A message as `words` declares it; a test holds what is declared against the files.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) variables: &'static [&'static str],
    pub(super) is_markup: bool,
}

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<[Bundle; Language::ALL.len()]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> Bundle {
    // A tag of ours that cannot be read would only cost the plural rules.
    let mut bundle = FluentBundle::new_concurrent(language.tag().parse().into_iter().collect());
    // Marks of direction around each value: needed where text runs both ways, in the way of copying where it does not.
    bundle.set_use_isolating(language.direction() == "rtl");
    for (file, source) in sources(language) {
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, errors)| {
            tracing::error!(file, ?errors, "a file of texts has mistakes");
            resource
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(file, ?errors, "a file of texts names a message twice");
        }
    }
    bundle
}

/// The words of a message, with each value as it is.
pub(super) fn plain(language: Language, name: &str, values: &[(&str, Value)]) -> String {
    words(language, name, values, |text| text.to_owned())
}

/// The words of a message with markup, with each value escaped.
pub(super) fn markup(language: Language, name: &str, values: &[(&str, Value)]) -> Html {
    Html::markup(words(language, name, values, |text| escape(text).into_owned()))
}

fn words(language: Language, name: &str, values: &[(&str, Value)], safe: fn(&str) -> String) -> String {
    let mut args = FluentArgs::with_capacity(values.len());
    for (variable, value) in values {
        match value {
            Value::Text(text) => args.set(*variable, FluentValue::from(safe(text))),
            Value::Count(count) => args.set(*variable, FluentValue::from(*count)),
        }
    }
    let bundle = &BUNDLES[language as usize];
    let Some(pattern) = bundle.get_message(name).and_then(|message| message.value()) else {
        tracing::error!(%language, name, "a text is missing");
        return name.to_owned();
    };
    let mut errors = Vec::new();
    let words = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
    if !errors.is_empty() {
        tracing::error!(%language, name, ?errors, "a text has mistakes");
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::words;
    use super::*;

    /// The messages of a source, each with the variables that it uses.
    fn messages(source: &str) -> BTreeMap<String, (BTreeSet<String>, String)> {
        let mut found: BTreeMap<String, (BTreeSet<String>, String)> = BTreeMap::new();
        let mut current = None;
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let name = line.split_once(" = ").or_else(|| line.split_once(" =")).unwrap().0;
                assert!(found.insert(name.to_owned(), Default::default()).is_none(), "{name} is there twice");
                current = Some(name.to_owned());
            }
            let Some(name) = &current else { continue };
            let (variables, text) = found.get_mut(name).unwrap();
            text.push_str(line);
            for after in line.split('$').skip(1) {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                variables.insert(after[..end].to_owned());
            }
        }
        found
    }

    #[test]
    fn every_language_has_every_text_with_the_same_variables() {
        let declared: BTreeMap<String, BTreeSet<String>> = words::declared()
            .map(|text| {
                (text.name.to_owned(), text.variables.iter().map(|name| (*name).to_owned()).collect())
            })
            .collect();
        for language in Language::ALL {
            let mut written = BTreeMap::new();
            for (file, source) in sources(language) {
                assert!(FluentResource::try_new(source.to_owned()).is_ok(), "{file}");
                for (name, (variables, _)) in messages(source) {
                    assert!(
                        written.insert(name.clone(), variables).is_none(),
                        "{name} in {file} is there twice"
                    );
                }
            }
            let missing: Vec<_> = declared.keys().filter(|name| !written.contains_key(*name)).collect();
            let unknown: Vec<_> = written.keys().filter(|name| !declared.contains_key(*name)).collect();
            assert!(missing.is_empty(), "{language} lacks {missing:?}");
            assert!(unknown.is_empty(), "{language} has what nobody says: {unknown:?}");
            for (name, variables) in &declared {
                assert_eq!(&written[name], variables, "the variables of {name} in {language}");
            }
        }
    }

    #[test]
    fn f66_only_markup_texts_have_markup_and_only_what_telegram_knows() {
        let markup: BTreeSet<&str> =
            words::declared().filter(|text| text.is_markup).map(|text| text.name).collect();
        for language in Language::ALL {
            for (file, source) in sources(language) {
                for (name, (_, text)) in messages(source) {
                    let rest = ["<b>", "</b>", "<i>", "</i>", "<code>", "</code>"]
                        .iter()
                        .fold(text.clone(), |text, tag| text.replace(tag, ""));
                    assert!(!rest.contains(['<', '&']), "{name} in {file}: {text}");
                    assert!(
                        markup.contains(name.as_str()) || rest == text,
                        "{name} in {file} is plain: {text}"
                    );
                    assert_eq!(text.matches("<b>").count(), text.matches("</b>").count(), "{name} in {file}");
                }
            }
        }
    }

    #[test]
    fn plurals_follow_the_language() {
        let days = |language: Language, count: u32| language.days(count);
        assert_eq!(days(Language::English, 1), "1 day");
        assert_eq!(days(Language::English, 30), "30 days");
        assert_eq!(days(Language::Russian, 1), "1 день");
        assert_eq!(days(Language::Russian, 3), "3 дня");
        assert_eq!(days(Language::Russian, 11), "11 дней");
        assert_eq!(days(Language::Russian, 21), "21 день");
        assert_eq!(days(Language::Russian, 365), "365 дней");
        assert_eq!(days(Language::Spanish, 1), "1 día");
        assert_eq!(days(Language::Spanish, 365), "365 días");
        let sold = |language: Language, count: u32| language.sales_sum(7, count, "$5").as_str().to_owned();
        assert_eq!(sold(Language::English, 1), "Last 7 days: 1 paid order, $5");
        assert_eq!(sold(Language::English, 2), "Last 7 days: 2 paid orders, $5");
        assert_eq!(sold(Language::Russian, 1), "За 7 дней: оплаченных заказов — 1, на $5");
        assert_eq!(sold(Language::Spanish, 1), "Últimos 7 días: 1 pedido pagado, $5");
        assert_eq!(sold(Language::Spanish, 2), "Últimos 7 días: 2 pedidos pagados, $5");
    }
}
