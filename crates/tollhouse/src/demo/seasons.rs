//! What time does: orders that nobody pays, memberships that end. And the books at the end of it.

use anyhow::Context;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tollhouse_core::id::TelegramUserId;
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::ORDER_OPEN_HOURS;
use tollhouse_core::policy::GRACE_HOURS_DEFAULT;
use tollhouse_store::{AttentionFilter, MembershipFilter, PaymentFilter};
use tollhouse_telegram::fake::{CallOutcome, World};
use tollhouse_telegram::{MemberStatus, UserId};

use super::shop::{OLGA, PRIVATE_CHAT, Person};
use super::story::{ANN, BEN, CLEO, DAN, EVE, SAM, Story};

/// Orders that are paid in the story: Sam, Ann twice, Ben, Cleo, Dan, Eve.
const SALES: usize = 7;
/// How long after a moment we look, so that it is surely past.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

impl Story {
    pub(super) async fn never_paid(&mut self) -> anyhow::Result<()> {
        self.told.act("An order that nobody pays");
        let (order, _) = self.order_by_link("Somebody").await?;
        let before = self.said_of(&order, "state").await?;
        let day = SignedDuration::from_hours(ORDER_OPEN_HOURS);
        self.pass(day + SignedDuration::from_mins(1), "a day goes by").await?;
        let (page, after) =
            (self.browser.open(&format!("/o/{order}")).await?, self.said_of(&order, "state").await?);
        self.told.promise(
            before == "open" && after == "expired" && page.says("No payment came in time"),
            "The order expires by itself, and its page says so",
            format_args!("it was {before} and is {after}"),
        );
        self.told.promise(page.until().is_none(), "It gives no access", "the page speaks of access");
        Ok(())
    }

    pub(super) async fn over(&mut self) -> anyhow::Result<()> {
        self.told.act("The end of a membership");
        let end = self.end_of(SAM).await?;
        let link = self.message_link(SAM).await?;
        let left = end.duration_since(TimeZone::UTC.to_datetime(self.stage.clock.now()));
        self.pass(left + MARGIN, "the rest of Sam's 30 days goes by").await?;
        self.status_is(SAM, MembershipStatus::Grace).await?;
        let reminded = self.telegram("Sam to hear of the end", |world| told(world, SAM, "has ended")).await?;
        self.told.promise(
            reminded == (1, true),
            "He is told once that his time is over, with a button to renew",
            format_args!("{reminded:?}"),
        );
        let grace = GRACE_HOURS_DEFAULT;
        self.told.promise(
            self.is_inside(SAM),
            format_args!("Past his end Sam has {grace} hours of grace, and stays inside"),
            "he is outside already",
        );
        self.pass(SignedDuration::from_hours(i64::from(grace)), "and the grace").await?;
        self.telegram("Sam to be shown out", |world| self.was_removed(world, SAM).then_some(())).await?;
        self.status_is(SAM, MembershipStatus::Expired).await?;
        self.told.promise(
            !self.is_inside(SAM),
            "Then he is shown out: banned, unbanned, and Telegram has confirmed both",
            "he is still inside",
        );
        let farewell = self.telegram("a farewell", |world| told(world, SAM, "taken out of the chat")).await?;
        self.told.promise(
            farewell == (1, true),
            "And told so once, with the way back",
            format_args!("{farewell:?}"),
        );
        let is_declined = self.is_declined(SAM, &link).await?;
        self.told.tell(SAM.name, "tries his old invite");
        self.told.promise(is_declined, "Without a new payment he is declined", "he is inside");
        self.told.promise(self.is_inside(ANN), "Ann, who has renewed, stays inside", "she is outside");
        Ok(())
    }

    /// What must be true at the end, whatever happened before.
    pub(super) async fn books(&mut self) -> anyhow::Result<()> {
        self.told.act("The books");
        self.telegram("the owner's notices", |world| (notices(world).0 == SALES).then_some(())).await?;
        self.settled().await?;
        let (sales, parts, refunds) = self.stage.telegram.read(notices);
        self.told.promise(
            (sales, parts, refunds) == (SALES, 1, 1),
            format_args!(
                "{} was told of {SALES} sales, a partial payment and a refund, each once",
                OLGA.name
            ),
            format_args!("{sales} sales, {parts} partial payments, {refunds} refunds"),
        );
        let sent: Vec<usize> =
            [SAM, ANN, BEN, CLEO, DAN, EVE].iter().map(|person| self.invites_sent(*person)).collect();
        self.told.promise(
            sent == [1, 2, 1, 1, 1, 1],
            "Each of them got one message for each purchase, and no more",
            format_args!("{sent:?}"),
        );
        let now = self.stage.clock.now();
        let store = &self.stage.app.store;
        let stuck =
            store.payments(PaymentFilter { stuck_before: Some(now), ..PaymentFilter::default() }).await?;
        let open = store.attention(AttentionFilter::default()).await?;
        let health = self.browser.open("/health").await?;
        self.told.promise(
            stuck.is_empty() && open.is_empty() && health.status == 200 && health.says(r#""healthy""#),
            "No payment is stuck, nothing waits for a person, and /health says healthy",
            format_args!("{} stuck, {} open; {}", stuck.len(), open.len(), health.text),
        );
        Ok(())
    }

    /// Waits until somebody's membership is listed with a status, as `tollhouse membership list` shows it.
    async fn status_is(&self, person: Person, status: MembershipStatus) -> anyhow::Result<()> {
        let user = TelegramUserId::new(person.id.0)?;
        let what = format!("{} to be listed as {}", person.name, status.as_str());
        self.until(&what, async || {
            let filter =
                MembershipFilter { user: Some(user), status: Some(status), ..MembershipFilter::default() };
            let found = self.stage.app.store.memberships(filter).await?;
            Ok((!found.is_empty()).then_some(()))
        })
        .await
    }

    /// The end of somebody's membership, in UTC.
    async fn end_of(&self, person: Person) -> anyhow::Result<DateTime> {
        let user = TelegramUserId::new(person.id.0)?;
        let filter = MembershipFilter { user: Some(user), ..MembershipFilter::default() };
        let found = self.stage.app.store.memberships(filter).await?;
        let end =
            found.first().and_then(|membership| membership.ends_at).context("there is no such membership")?;
        Ok(TimeZone::UTC.to_datetime(end))
    }

    /// Whether Telegram has banned somebody for us and lifted the ban, so that they are out and may come back.
    pub(super) fn was_removed(&self, world: &World, person: Person) -> bool {
        let done = |method: &str, user: UserId| {
            world.calls().any(|call| {
                call.method == method
                    && call.outcome == CallOutcome::Done
                    && call.params.get("user_id").is_some_and(|id| *id == user.to_string())
            })
        };
        done("banChatMember", person.id)
            && done("unbanChatMember", person.id)
            && world.status(PRIVATE_CHAT, person.id) == MemberStatus::Left
    }
}

/// How often somebody was told something, and whether the last time came with a way to renew; nothing before the first time.
fn told(world: &World, person: Person, words: &str) -> Option<(usize, bool)> {
    let posts = world.bot_posts(person.id);
    let told: Vec<_> = posts.iter().filter(|post| post.text.contains(words)).collect();
    let mut buttons = told.last()?.buttons.iter().flatten().filter_map(|button| button.url.as_deref());
    Some((told.len(), buttons.any(|url| url.contains("?start=r_"))))
}

/// What the owner was told: sales, partial payments, refunds.
fn notices(world: &World) -> (usize, usize, usize) {
    let posts = world.bot_posts(OLGA.id);
    let count = |words: &[&str]| {
        posts.iter().filter(|post| words.iter().any(|words| post.text.contains(words))).count()
    };
    (count(&[": sold for", ": renewed for"]), count(&["a part of the price"]), count(&["was refunded"]))
}
