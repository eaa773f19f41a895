//! The control surface for other programs, and the forms in which the Bot API takes its parameters.

use serde_json::{Value, json};
use tollhouse_telegram::fake::FakeHandle;
use tollhouse_telegram::{AdminRights, Button, Html, Keyboard};

use crate::support::{BUYER, CHANNEL, GROUP, OWNER, World};

/// A program that knows nothing but HTTP.
#[expect(clippy::disallowed_methods, reason = "a test plays the other program")]
async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// By hand: `bot1:x/…` would join as an address of its own.
fn at(fake: &FakeHandle, path: &str) -> String {
    format!("{}{path}", fake.api_url())
}

async fn act(fake: &FakeHandle, act: &str, body: Value) -> (u16, Value) {
    send(reqwest::Client::new().post(at(fake, &format!("fake/{act}"))).json(&body)).await
}

async fn look(fake: &FakeHandle, path: &str) -> Value {
    let (status, body) = send(reqwest::Client::new().get(at(fake, &format!("fake/{path}")))).await;
    assert_eq!(status, 200, "{path}");
    body
}

#[tokio::test]
async fn another_program_plays_a_purchase_through_http() {
    let world = World::empty().await;
    let fake = &world.fake;
    let ok = (200, json!({}));
    assert_eq!(
        act(fake, "add-user", json!({"id": 11, "first_name": "Olga", "language_code": "ru"})).await,
        ok
    );
    assert_eq!(act(fake, "add-user", json!({"id": 7, "first_name": "Ben"})).await, ok);
    let chat = json!({"id": CHANNEL, "kind": "channel", "title": "Signals", "owner": 11});
    assert_eq!(act(fake, "add-chat", chat).await, ok);
    assert_eq!(act(fake, "bot-admin", json!({"chat": CHANNEL, "by": 11})).await, ok);
    assert_eq!(act(fake, "start", json!({"user": 7, "payload": "p_1"})).await, (200, json!({"message": 1})));

    let link = world.link().await;
    let opened = act(fake, "open-link", json!({"user": 7, "link": link})).await;
    assert_eq!(opened, (200, json!({"chat": CHANNEL, "opened": "asked"})));
    let room = look(fake, &format!("chats/{CHANNEL}")).await;
    assert_eq!(room["requests"]["7"]["link"], json!(link));
    assert_eq!(room["members"], json!([11]));
    world.gateway.approve_chat_join_request(CHANNEL, tollhouse_telegram::UserId(7)).await.unwrap();
    assert_eq!(look(fake, &format!("chats/{CHANNEL}")).await["members"], json!([7, 11]));
    assert_eq!(look(fake, "users/7").await["posts"][0]["text"], json!("/start p_1"));
    let calls = look(fake, "calls?method=approveChatJoinRequest").await;
    assert_eq!(calls.as_array().unwrap().len(), 1);
    assert_eq!(calls[0]["params"]["user_id"], json!("7"));
    assert_eq!(look(fake, "counters").await["createChatInviteLink:ok"], json!(1));
}

#[tokio::test]
async fn what_telegrams_app_would_refuse_is_a_conflict_and_nonsense_a_bad_request() {
    let world = World::new().await;
    let refused = act(&world.fake, "leave", json!({"user": BUYER, "chat": CHANNEL})).await;
    assert_eq!(refused, (409, json!({"error": "you are not a member of this chat"})));
    let (status, body) = act(&world.fake, "teleport", json!({"user": 7})).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("teleport"), "{body}");
}

#[tokio::test]
async fn a_failure_is_scripted_through_http() {
    let world = World::new().await;
    let what =
        json!({"answer": {"code": 429, "description": "Too Many Requests: retry after 3", "retry_after": 3}});
    let fault = json!({"method": "getMe", "when": "before", "what": what, "times": 1});
    assert_eq!(act(&world.fake, "fault", fault).await, (200, json!({})));
    let error = world.gateway.get_me().await.unwrap_err();
    assert_eq!(error, tollhouse_telegram::Error::RetryAfter { seconds: 3 });
    let hang = json!({"method": "getMe", "when": "after", "what": "hang"});
    assert_eq!(act(&world.fake, "fault", hang).await, (200, json!({})));
    let gateway = world.gateway.clone();
    let error = world.time_out(async move { gateway.get_me().await }).await.unwrap_err();
    let timed_out = tollhouse_telegram::Cause::Timeout;
    assert_eq!(error, tollhouse_telegram::Error::Transient { cause: timed_out, maybe_done: true });
}

#[tokio::test]
async fn a_program_waits_for_a_change_without_asking_in_a_loop() {
    let world = World::new().await;
    let version = look(&world.fake, "version").await["version"].as_u64().unwrap();
    let fake = world.fake.clone();
    let waiter = tokio::spawn(async move { look(&fake, &format!("version?after={version}")).await });
    world.fake.leave(OWNER, CHANNEL).unwrap_err();
    assert!(waiter.await.unwrap()["version"].as_u64().unwrap() > version);
}

#[tokio::test]
async fn the_bot_api_takes_json_forms_and_query_strings_in_any_case() {
    let world = World::new().await;
    let method = |name: &str| at(&world.fake, &format!("bot{}/{name}", world.fake.bot_token()));
    let client = reqwest::Client::new();
    let markup = r#"{"inline_keyboard":[[{"text":"Go","callback_data":"go"}]]}"#;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("chat_id", &BUYER.to_string())
        .append_pair("text", "by form")
        .append_pair("reply_markup", markup)
        .finish();
    let boundary = "x-x-x";
    let part = |name: &str, value: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let multipart =
        format!("{}{}--{boundary}--\r\n", part("chat_id", &BUYER.to_string()), part("text", "by parts"));
    let requests = [
        client.get(method(&format!("sendmessage?chat_id={BUYER}&text=by%20query"))),
        client
            .post(method("SENDMESSAGE"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
        client
            .post(method("sendMessage"))
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .body(multipart),
        client.post(method("sendMessage")).json(&json!({"chat_id": BUYER.to_string(), "text": "by json"})),
    ];
    for request in requests {
        let (status, body) = send(request).await;
        assert_eq!((status, &body["ok"]), (200, &json!(true)), "{body}");
    }
    let posts = world.fake.read(|state| state.posts(BUYER.private_chat()).to_vec());
    let texts: Vec<_> = posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts, ["/start", "by query", "by form", "by parts", "by json"]);
    assert_eq!(posts[2].buttons[0][0].callback_data.as_deref(), Some("go"));
}

#[tokio::test]
async fn f54_outside_private_chats_a_button_is_a_link_and_never_a_web_app() {
    let world = World::new().await;
    world.add_group(AdminRights::gatekeeper());
    let method = |name: &str| at(&world.fake, &format!("bot{}/{name}", world.fake.bot_token()));
    let markup =
        json!({"inline_keyboard": [[{"text": "Pay", "web_app": {"url": "https://pay.example.org"}}]]});
    let by_deep_link = Keyboard::column([Button::url("Pay", "https://t.me/tollhouse_demo_bot?start=o_1")]);
    for (chat, web_app_status) in [(BUYER.private_chat(), 200), (GROUP, 400), (CHANNEL, 400)] {
        let body = json!({"chat_id": chat, "text": "Pay here", "reply_markup": markup});
        let (status, body) = send(reqwest::Client::new().post(method("sendMessage")).json(&body)).await;
        assert_eq!(status, web_app_status, "{chat}");
        assert!(status == 200 || body["description"] == json!("Bad Request: BUTTON_TYPE_INVALID"), "{body}");
        world.gateway.send_message(chat, &Html::text("Pay here"), Some(&by_deep_link)).await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_method_and_an_unknown_bot_answer_as_telegram_does() {
    let world = World::new().await;
    let ask = async |path: String| send(reqwest::Client::new().get(at(&world.fake, &path))).await;
    let token = world.fake.bot_token();
    let not_found = json!({"ok": false, "error_code": 404, "description": "Not Found"});
    assert_eq!(ask("botless/getMe".to_owned()).await, (404, not_found));
    let unauthorized = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
    assert_eq!(ask("bot1:x/getMe".to_owned()).await, (401, unauthorized));
    let unknown = json!({"ok": false, "error_code": 404, "description": "Not Found: method not found"});
    assert_eq!(ask(format!("bot{token}/teleport")).await, (404, unknown));
}
