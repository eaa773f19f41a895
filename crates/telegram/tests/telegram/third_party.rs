//! Somebody else's client, whose types demand every field that Telegram's documents promise.

use frankenstein::TelegramApi;
use frankenstein::client_ureq::Bot;
use frankenstein::methods::{
    ApproveChatJoinRequestParams, BanChatMemberParams, CreateChatInviteLinkParams,
    GetChatAdministratorsParams, GetChatMemberParams, GetChatParams, GetUpdatesParams,
    RevokeChatInviteLinkParams, SendMessageParams,
};
use frankenstein::types::{AllowedUpdate, ChatMember, ChatType};
use frankenstein::updates::UpdateContent;

use crate::support::{BUYER, CHANNEL, STRANGER, World};

/// Its client blocks, so it has a thread of its own.
async fn as_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn bot_of(world: &World) -> Bot {
    Bot::new_url(format!("{}bot{}", world.fake.api_url(), world.fake.bot_token()))
}

fn all_updates(bot: &Bot) -> Vec<UpdateContent> {
    use AllowedUpdate as Topic;
    let topics = vec![
        Topic::Message,
        Topic::CallbackQuery,
        Topic::ChatMember,
        Topic::MyChatMember,
        Topic::ChatJoinRequest,
    ];
    let params = GetUpdatesParams::builder().allowed_updates(topics).build();
    bot.get_updates(&params).unwrap().result.into_iter().map(|update| update.content).collect()
}

#[tokio::test]
async fn a_third_party_client_reads_every_answer() {
    let world = World::new().await;
    let bot = bot_of(&world);
    let user = u64::try_from(BUYER.0).unwrap();
    let link = as_blocking({
        let bot = bot.clone();
        move || {
            assert_eq!(bot.get_me().unwrap().result.username.as_deref(), Some("tollhouse_demo_bot"));
            let chat = bot.get_chat(&GetChatParams::builder().chat_id(CHANNEL.0).build()).unwrap().result;
            assert_eq!((chat.type_field, chat.title.as_deref()), (ChatType::Channel, Some("Signals <vip>")));
            let params = GetChatAdministratorsParams::builder().chat_id(CHANNEL.0).build();
            let admins = bot.get_chat_administrators(&params).unwrap().result;
            assert!(matches!(&admins[..], [ChatMember::Creator(_), ChatMember::Administrator(bot)] if bot.can_invite_users));
            let params = SendMessageParams::builder().chat_id(BUYER.0).text("Hello").build();
            assert_eq!(bot.send_message(&params).unwrap().result.text.as_deref(), Some("Hello"));
            assert_eq!(bot.get_webhook_info().unwrap().result.url, "");
            let params =
                CreateChatInviteLinkParams::builder().chat_id(CHANNEL.0).name("one").creates_join_request(true).build();
            bot.create_chat_invite_link(&params).unwrap().result.invite_link
        }
    })
    .await;

    world.fake.open_link(BUYER, &link).unwrap();
    world.fake.say(BUYER, "/mylink").unwrap();
    as_blocking({
        let (bot, link) = (bot.clone(), link.clone());
        move || {
            let params = ApproveChatJoinRequestParams::builder().chat_id(CHANNEL.0).user_id(user).build();
            assert!(bot.approve_chat_join_request(&params).unwrap().result);
            let member = GetChatMemberParams::builder().chat_id(CHANNEL.0).user_id(user).build();
            assert!(matches!(bot.get_chat_member(&member).unwrap().result, ChatMember::Member(_)));
            let params = BanChatMemberParams::builder().chat_id(CHANNEL.0).user_id(user).build();
            assert!(bot.ban_chat_member(&params).unwrap().result);
            assert!(matches!(bot.get_chat_member(&member).unwrap().result, ChatMember::Kicked(_)));
            let params = RevokeChatInviteLinkParams::builder().chat_id(CHANNEL.0).invite_link(link).build();
            assert!(bot.revoke_chat_invite_link(&params).unwrap().result.is_revoked);
            let updates = all_updates(&bot);
            let [
                UpdateContent::ChatJoinRequest(asked),
                UpdateContent::Message(said),
                UpdateContent::ChatMember(joined),
                UpdateContent::ChatMember(banned),
            ] = updates.as_slice()
            else {
                panic!("{updates:?}")
            };
            assert_eq!((asked.from.id, asked.user_chat_id), (user, user));
            assert_eq!(said.entities.as_ref().unwrap()[0].length, 7);
            assert!(matches!(joined.new_chat_member, ChatMember::Member(_)));
            assert_eq!(joined.via_join_request, None, "only for requests without a link");
            assert!(matches!(banned.new_chat_member, ChatMember::Kicked(_)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_third_party_client_reads_refusals_and_presses() {
    let world = World::new().await;
    let bot = bot_of(&world);
    let message = as_blocking({
        let bot = bot.clone();
        move || {
            let params = SendMessageParams::builder().chat_id(STRANGER.0).text("Hello").build();
            let frankenstein::Error::Api(refusal) = bot.send_message(&params).unwrap_err() else { panic!() };
            assert_eq!(refusal.error_code, 403);
            assert_eq!(refusal.description, "Forbidden: bot can't initiate conversation with a user");
            use frankenstein::types::{InlineKeyboardButton, InlineKeyboardMarkup, ReplyMarkup};
            let button = InlineKeyboardButton::builder().text("Go").callback_data("go").build();
            let markup = InlineKeyboardMarkup::builder().inline_keyboard(vec![vec![button]]).build();
            let params = SendMessageParams::builder()
                .chat_id(BUYER.0)
                .text("Choose")
                .reply_markup(ReplyMarkup::InlineKeyboardMarkup(markup))
                .build();
            bot.send_message(&params).unwrap().result.message_id
        }
    })
    .await;
    let message = tollhouse_telegram::MessageId(message.into());
    world.fake.press(BUYER, BUYER.private_chat(), message, "go").unwrap();
    world.fake.block(BUYER).unwrap();
    as_blocking(move || {
        let updates = all_updates(&bot);
        let [UpdateContent::CallbackQuery(press), UpdateContent::MyChatMember(block)] = updates.as_slice()
        else {
            panic!("{updates:?}")
        };
        assert_eq!(press.data.as_deref(), Some("go"));
        assert!(matches!(block.new_chat_member, ChatMember::Kicked(_)));
    })
    .await;
}
