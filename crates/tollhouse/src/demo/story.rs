//! The story that the demo plays by itself, and what its chapters have in common: waiting, buying, joining.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nowpayments::sandbox::{Delivery, ReleaseOrder};
use nowpayments::{ProviderInvoiceId, ProviderPaymentId, Status};
use serde_json::Value;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::TelegramUserId;
use tollhouse_core::job::JobState;
use tollhouse_core::order::OrderSource;
use tollhouse_telegram::UserId;
use tollhouse_telegram::fake::{NewUser, World};

use super::browser::{Browser, LivePage, Page};
use super::shop::{OLGA, PRIVATE_CHAT, Person, Shop};
use super::stage::Stage;
use super::timeline::{Timeline, Told};

/// How long one thing may take to happen, in seconds. All of them take milliseconds, or the second in which a worker looks for what the
/// clock made due; past this the promise is broken.
const STEP_SECONDS_MAX: u64 = 10;
/// Time between two statuses of a payment, on the story's clock, in seconds: about a block.
const BLOCK_SECONDS: i64 = 20;
/// Blocks until a payment stands at its end: confirming, confirmed, sending, the end; and one to spare.
const BLOCKS_MAX: usize = 5;

/// How much of a claim is shown, in characters: it is a secret.
const CLAIM_SHOWN: usize = 6;

/// The coin of most buyers.
pub(super) const COIN: &str = "usdttrc20";

/// The buyer of the incident.
pub(super) const SAM: Person = Person { id: UserId(6_271_402_111), name: "Sam" };
/// Buys, and renews.
pub(super) const ANN: Person = Person { id: UserId(2_001), name: "Ann" };
/// Whose notification comes fifty times.
pub(super) const BEN: Person = Person { id: UserId(2_002), name: "Ben" };
/// Pays in two parts.
pub(super) const CLEO: Person = Person { id: UserId(2_003), name: "Cleo" };
/// Whose notification is lost.
pub(super) const DAN: Person = Person { id: UserId(2_004), name: "Dan" };
/// Gets the money back.
pub(super) const EVE: Person = Person { id: UserId(2_005), name: "Eve" };
/// Uses what is not hers.
pub(super) const MALLORY: Person = Person { id: UserId(2_666), name: "Mallory" };

/// A story under way.
pub(super) struct Story {
    pub(super) stage: Stage,
    pub(super) shop: Shop,
    pub(super) browser: Browser,
    pub(super) told: Timeline,
}

/// An order that waits for its payment.
pub(super) struct Bought {
    /// Its id.
    pub(super) order: String,
    /// The payment that the provider waits for.
    pub(super) payment: ProviderPaymentId,
}

/// Waits for something, but not for ever.
pub(super) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> anyhow::Result<T> {
    let limit = Duration::from_secs(STEP_SECONDS_MAX);
    tokio::time::timeout(limit, happens).await.map_err(|_| anyhow!("{what}: not within {STEP_SECONDS_MAX} s"))
}

impl Story {
    /// Sets the stage and opens the shop.
    pub(super) async fn prepare(listen: SocketAddr, mut told: Timeline) -> anyhow::Result<Self> {
        let block = SignedDuration::from_secs(BLOCK_SECONDS);
        // The story decides when the provider is asked: its clock leaps over days.
        let stage = Stage::start(told.clock(), listen, block, false, |routes, _| routes).await?;
        let shop = Shop::open(&stage.app, &stage.telegram).await?;
        for person in [SAM, ANN, BEN, CLEO, DAN, EVE, MALLORY] {
            stage.telegram.add_user(NewUser::new(person.id.0, person.name))?;
        }
        let browser = Browser::new(&stage.url)?;
        told.line("Tollhouse, as it is served, between a simulated NOWPayments and a simulated Telegram.");
        told.line(
            "Everything goes over real HTTP on this machine; nothing leaves it. The three share a clock,",
        );
        told.line("which the story moves. ✓ is a promise that was kept, as seen from outside.");
        told.line("");
        told.line(format_args!("  Tollhouse    {}", stage.url));
        told.line(format_args!("  NOWPayments  {}", stage.nowpayments.url()));
        told.line(format_args!("  Telegram     {}", stage.telegram.api_url().as_str().trim_end_matches('/')));
        Ok(Self { stage, shop, browser, told })
    }

    /// Plays every chapter; what was promised, and what was kept.
    pub(super) async fn play(mut self) -> Told {
        let incident = Box::pin(self.incident()).await;
        self.end_chapter(incident);
        let purchase = Box::pin(self.purchase()).await;
        self.end_chapter(purchase);
        let renewal = Box::pin(self.renewal()).await;
        self.end_chapter(renewal);
        let duplicates = Box::pin(self.duplicates()).await;
        self.end_chapter(duplicates);
        let in_parts = Box::pin(self.in_parts()).await;
        self.end_chapter(in_parts);
        let lost = Box::pin(self.lost()).await;
        self.end_chapter(lost);
        let refund = Box::pin(self.refund()).await;
        self.end_chapter(refund);
        let never_paid = Box::pin(self.never_paid()).await;
        self.end_chapter(never_paid);
        let over = Box::pin(self.over()).await;
        self.end_chapter(over);
        let books = Box::pin(self.books()).await;
        self.end_chapter(books);
        let told = self.told.sum_up();
        self.stage.stop().await;
        told
    }

    /// A chapter that could not be played to its end broke its promise. The next one starts with a provider that holds nothing back.
    fn end_chapter(&mut self, played: anyhow::Result<()>) {
        if let Err(error) = played {
            self.told.promise(false, "The chapter is played to its end", format_args!("{error:#}"));
        }
        self.stage.nowpayments.drop_next(0);
        self.stage.nowpayments.release(ReleaseOrder::AsSent);
    }

    /// Waits until `look` finds something. It is asked again after each commit, never after a time.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let mut committed = self.stage.committed.clone();
        let found = async {
            loop {
                committed.borrow_and_update();
                if let Some(found) = look().await? {
                    return Ok(found);
                }
                committed.changed().await.with_context(|| format!("{what}: the store was closed"))?;
            }
        };
        within(what, found).await?
    }

    /// Waits until the simulated Telegram shows something.
    pub(super) async fn telegram<T>(
        &self,
        what: &str,
        find: impl FnMut(&World) -> Option<T>,
    ) -> anyhow::Result<T> {
        Ok(within(what, self.stage.telegram.wait_for(what, find)).await??)
    }

    /// Waits until a notification was answered, whatever the answer.
    pub(super) async fn answered(
        &self,
        payment: ProviderPaymentId,
        status: Status,
    ) -> anyhow::Result<Delivery> {
        let what = format!("an answer to the notification of {payment}, {status}");
        let is_it = |delivery: &Delivery| {
            delivery.payment_id == Some(payment)
                && delivery.status.as_ref() == Some(&status)
                && !delivery.attempts.is_empty()
        };
        within(&what, self.stage.nowpayments.wait_for_delivery(is_it)).await
    }

    /// Waits until nothing is due, and nobody works on anything.
    pub(super) async fn settled(&self) -> anyhow::Result<()> {
        let (store, clock) = (&self.stage.app.store, &self.stage.clock);
        self.until("an empty outbox", async || {
            let stats = store.stats(clock.now()).await?;
            let is_worked_on = stats.jobs.iter().any(|jobs| jobs.state == JobState::Leased && jobs.count > 0);
            Ok((stats.outbox_due == 0 && !is_worked_on).then_some(()))
        })
        .await
    }

    /// Waits until the page of an order shows something.
    pub(super) async fn page_with<T>(
        &self,
        order: &str,
        what: &str,
        find: impl Fn(&Page) -> Option<T>,
    ) -> anyhow::Result<(Page, T)> {
        let path = format!("/o/{order}");
        self.until(what, async || {
            let page = self.browser.open(&path).await?;
            Ok(find(&page).map(|found| (page, found)))
        })
        .await
    }

    /// Opens the link of the monthly plan, presses the button, and waits for the invoice.
    pub(super) async fn order_by_link(&mut self, who: &str) -> anyhow::Result<(String, ProviderInvoiceId)> {
        let path = self.shop.monthly()?.path.clone();
        self.told.tell(who, format_args!("opens the payment link {path} and presses Pay"));
        let offer = self.browser.open(&path).await?;
        if !offer.says("$2.50") || !offer.says("30 days") {
            bail!("the link's page says neither price nor duration");
        }
        let page = self.browser.press(&path).await?;
        let order = page.url.rsplit_once("/o/").map(|(_, order)| order.to_owned());
        let order = order.with_context(|| format!("{} is no order's page", page.url))?;
        let invoice = self.invoice(&order).await?;
        Ok((order, invoice))
    }

    /// An order for somebody whose account is known, as `tollhouse order create --telegram-user` makes it.
    pub(super) async fn order_for(&mut self, person: Person) -> anyhow::Result<(String, ProviderInvoiceId)> {
        let plan_id = self.shop.monthly()?.plan;
        let user = person.id;
        self.told.tell(
            OLGA.name,
            format_args!("makes {} an order: tollhouse order create --telegram-user {user}", person.name),
        );
        let create = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id: self.shop.channel, plan_id },
            user: Some(TelegramUserId::new(user.0)?),
            source: OrderSource::Api,
            wants_invoice: true,
        };
        let Outcome::Order(id) = self.stage.app.submit(create).await? else {
            bail!("an order came to something else")
        };
        let order = id.to_string();
        let invoice = self.invoice(&order).await?;
        Ok((order, invoice))
    }

    async fn invoice(&self, order: &str) -> anyhow::Result<ProviderInvoiceId> {
        let number = |page: &Page| {
            let link = page.button()?;
            ProviderInvoiceId::parse(link.split_once("?iid=")?.1)
        };
        Ok(self.page_with(order, "the invoice on the order's page", number).await?.1)
    }

    /// Picks a coin on the invoice's page, so that the provider waits for a payment and says so.
    pub(super) async fn choose(
        &mut self,
        who: &str,
        invoice: ProviderInvoiceId,
        coin: &str,
    ) -> anyhow::Result<ProviderPaymentId> {
        let payment = self.stage.nowpayments.choose_coin(invoice, coin)?;
        let amount = format!("{} {}", payment.pay_amount, coin.to_uppercase());
        self.told
            .tell(who, format_args!("picks a coin on the invoice's page: {amount}, payment {}", payment.id));
        Ok(payment.id)
    }

    /// All of it: link, coin, nothing paid yet.
    pub(super) async fn buy_by_link(&mut self, who: &str, coin: &str) -> anyhow::Result<Bought> {
        let (order, invoice) = self.order_by_link(who).await?;
        let payment = self.choose(who, invoice, coin).await?;
        Ok(Bought { order, payment })
    }

    /// The same for a known account.
    pub(super) async fn buy_as(&mut self, person: Person) -> anyhow::Result<Bought> {
        let (order, invoice) = self.order_for(person).await?;
        let payment = self.choose(person.name, invoice, COIN).await?;
        Ok(Bought { order, payment })
    }

    /// Lets the chain go on by a block, and the provider with it.
    pub(super) async fn block(&self) -> anyhow::Result<()> {
        self.stage.clock.advance(SignedDuration::from_secs(BLOCK_SECONDS));
        within("the provider's next step", self.stage.nowpayments.tick()).await
    }

    /// Lets the chain go on until a payment has come to its end.
    pub(super) async fn confirm(&self, payment: ProviderPaymentId, end: &Status) -> anyhow::Result<()> {
        for _ in 0..BLOCKS_MAX {
            let status = self.stage.nowpayments.payment(payment).map(|payment| payment.status);
            if status.as_ref() == Some(end) {
                return within("the provider's notifications", self.stage.nowpayments.tick()).await;
            }
            self.block().await?;
        }
        bail!("payment {payment} did not come to {end}")
    }

    /// The exact amount is paid, and the chain confirms it.
    pub(super) async fn pay_exactly(&mut self, who: &str, bought: &Bought) -> anyhow::Result<()> {
        self.stage.nowpayments.pay_exactly(bought.payment)?;
        self.confirm(bought.payment, &Status::Finished).await?;
        self.told.tell(who, "pays exactly; the network confirms");
        Ok(())
    }

    /// Whether an end that a page shows is so many days from now: pages cut seconds off, and the payment was a moment ago.
    pub(super) fn is_days_from_now(&self, end: DateTime, days: i64) -> bool {
        let wanted =
            TimeZone::UTC.to_datetime(self.stage.clock.now()) + SignedDuration::from_hours(24 * days);
        end <= wanted && wanted.duration_since(end) <= SignedDuration::from_mins(2)
    }

    /// Lets time pass for everybody.
    pub(super) async fn pass(&mut self, time: SignedDuration, words: &str) -> anyhow::Result<()> {
        self.settled().await?;
        // Telegram forgets what nobody fetched for a day.
        self.telegram("a bot that has heard everything", |world| {
            (world.updates_waiting() == 0).then_some(())
        })
        .await?;
        self.stage.clock.advance(time);
        self.told.tell("The clock", words);
        Ok(())
    }

    /// Somebody whose payment was taken comes in: by the page to the bot, by the bot to the channel. Gives the invite link.
    pub(super) async fn enter(&mut self, person: Person, order: &str) -> anyhow::Result<String> {
        let Person { id, name } = person;
        let (_, button) = self
            .page_with(order, "the way into Telegram on the order's page", |page| {
                page.button().filter(|link| link.starts_with("https://t.me/"))
            })
            .await?;
        let link = match button.split_once("?start=") {
            Some((_, claim)) => {
                let start: String = claim.chars().take(CLAIM_SHOWN).collect();
                self.told.tell(name, format_args!("presses \"Open in Telegram\": t.me/…?start={start}…"));
                self.stage.telegram.start(id, claim)?;
                self.message_link(person).await?
            }
            None => button,
        };
        self.stage.telegram.open_link(id, &link)?;
        self.telegram("to be let in", |world| world.is_inside(PRIVATE_CHAT, id).then_some(())).await?;
        self.told.tell(name, format_args!("gets the invite {link}, asks to join, and is let in"));
        Ok(link)
    }

    /// The invite that the bot has sent to somebody.
    pub(super) async fn message_link(&self, person: Person) -> anyhow::Result<String> {
        self.telegram("an invite in the bot's messages", |world| {
            let posts = world.bot_posts(person.id);
            let links = posts.iter().rev().flat_map(|post| post.buttons.iter().flatten());
            links.filter_map(|button| button.url.clone()).find(|url| url.starts_with("https://t.me/+"))
        })
        .await
    }

    /// How many messages with an invite the bot has sent to somebody.
    pub(super) fn invites_sent(&self, person: Person) -> usize {
        self.stage.telegram.read(|world| {
            let posts = world.bot_posts(person.id);
            posts
                .iter()
                .filter(|post| post.buttons.iter().flatten().any(|button| is_invite(button.url.as_deref())))
                .count()
        })
    }

    /// Whether somebody is in the channel.
    pub(super) fn is_inside(&self, person: Person) -> bool {
        self.stage.telegram.read(|world| world.is_inside(PRIVATE_CHAT, person.id))
    }

    /// Asks to join with a link that is not, or no longer, good for this person; whether Telegram shows them declined, with a reason.
    pub(super) async fn is_declined(&self, person: Person, link: &str) -> anyhow::Result<bool> {
        let declined = "declineChatJoinRequest";
        let heard = |world: &World| {
            world.bot_posts(person.id).iter().filter(|post| post.text.contains("was declined")).count()
        };
        let (before, heard_before) = self.stage.telegram.read(|world| (world.done(declined), heard(world)));
        self.stage.telegram.open_link(person.id, link)?;
        self.telegram("an answer to the request to join", |world| {
            (world.done(declined) > before && heard(world) > heard_before
                || world.is_inside(PRIVATE_CHAT, person.id))
            .then_some(())
        })
        .await?;
        Ok(!self.is_inside(person))
    }

    /// The next state that an open page is told.
    pub(super) async fn told_to(&self, page: &mut LivePage) -> anyhow::Result<Value> {
        within("news on the open page", page.next()).await?
    }

    /// What programs are told of an order, by the path of a member of `data`: its text, or nothing.
    pub(super) async fn said_of(&self, order: &str, member: &str) -> anyhow::Result<String> {
        let status = self.browser.status(order).await?;
        Ok(status["data"][member].as_str().unwrap_or_default().to_owned())
    }
}

fn is_invite(url: Option<&str>) -> bool {
    url.is_some_and(|url| url.starts_with("https://t.me/+"))
}
