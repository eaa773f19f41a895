//! What should be everyday: a purchase by a link, and its renewal.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use nowpayments::Status;

use super::browser::Page;
use super::shop::PRIVATE_CHAT;
use super::story::{ANN, Bought, COIN, MALLORY, Story};

/// Statuses after `waiting` that a payment goes through.
const ON_THE_WAY: [Status; 4] = [Status::Confirming, Status::Confirmed, Status::Sending, Status::Finished];

impl Story {
    pub(super) async fn purchase(&mut self) -> anyhow::Result<()> {
        self.told.act("A purchase by a payment link, without Telegram so far");
        let bought = self.buy_by_link(ANN.name, COIN).await?;
        self.watch(&bought).await?;
        let (page, claim) = self
            .page_with(&bought.order, "the way into Telegram", |page| {
                page.button().filter(|link| link.contains("?start=c_"))
            })
            .await?;
        self.enter(ANN, &bought.order).await?;
        let (page_inside, ()) = self
            .page_with(&bought.order, "a page that knows that Ann is inside", |page| {
                page.says("You are inside the channel").then_some(())
            })
            .await?;
        self.told.promise(
            self.is_inside(ANN) && page.says("Paid. Thank you!") && page_inside.until().is_some(),
            "Paid on the web, bound to her account by one press, inside; the page says so",
            "the page does not say so",
        );
        self.claimed_once(&claim).await
    }

    /// Pays, and holds the open page against the provider's statuses.
    async fn watch(&mut self, bought: &Bought) -> anyhow::Result<()> {
        let mut page = self.browser.follow(&bought.order).await?;
        self.answered(bought.payment, Status::Waiting).await?;
        let mut seen = Vec::new();
        let mut too_early = Vec::new();
        for status in [Status::Waiting].iter().chain(&ON_THE_WAY) {
            match status {
                Status::Waiting => {}
                Status::Confirming => {
                    self.stage.nowpayments.pay_exactly(bought.payment)?;
                    self.told.tell(ANN.name, "pays exactly, and keeps the page open");
                }
                _ => self.block().await?,
            }
            loop {
                let state = self.told_to(&mut page).await?;
                let said = state["data"]["payment_status"].as_str().unwrap_or_default().to_owned();
                if state["data"]["confirmed"] == true && *status != Status::Finished {
                    too_early.push(said.clone());
                }
                let is_there = said == status.as_str();
                if seen.last() != Some(&said) {
                    seen.push(said);
                }
                if is_there {
                    break;
                }
            }
        }
        let seen = seen.join(", ");
        self.told.tell("The page", format_args!("says, without reloading: {seen}"));
        let wanted = "waiting, confirming, confirmed, sending, finished";
        self.told.promise(seen == wanted, "The open page follows the payment, step by step", &seen);
        self.told.promise(
            too_early.is_empty(),
            "Nothing but `finished` counts as paid",
            format_args!("it was taken as paid while {}", too_early.join(", ")),
        );
        Ok(())
    }

    /// Somebody else gets hold of the link that binds the order.
    async fn claimed_once(&mut self, claim: &str) -> anyhow::Result<()> {
        let payload = claim.split_once("?start=").map_or("", |(_, payload)| payload);
        self.stage.telegram.start(MALLORY.id, payload)?;
        let answer = self
            .telegram("an answer to Mallory", |world| {
                let posts = world.bot_posts(MALLORY.id);
                posts.last().filter(|post| !post.text.contains("declined")).map(|post| post.text.clone())
            })
            .await?;
        self.told.tell(MALLORY.name, "opens Ann's link to the bot as well");
        let is_refused = answer.contains("already belongs") && self.invites_sent(MALLORY) == 0;
        self.told.promise(is_refused, "An order is bound to one account, once", answer);
        Ok(())
    }

    pub(super) async fn renewal(&mut self) -> anyhow::Result<()> {
        self.told.act("A renewal, while the first month still runs");
        let links = self.links_made();
        let first = self.end_told(ANN.id.0)?;
        let bought = self.buy_as(ANN).await?;
        let before = self.said_of(&bought.order, "state").await?;
        self.told.promise(before == "open", "An unpaid renewal is shown as unpaid", before);
        self.pay_exactly(ANN.name, &bought).await?;
        let (page, ()) = self
            .page_with(&bought.order, "a paid page", |page: &Page| {
                page.says("Paid. Thank you!").then_some(())
            })
            .await?;
        let (first_end, end) = (first, page.until());
        let wanted = first_end + SignedDuration::from_hours(30 * 24);
        self.told.promise(
            end == Some(wanted),
            format_args!("30 days more, after the first 30: until {}", wanted.strftime("%-d %B %Y, %H:%M")),
            format_args!("the page says {end:?}, the first month ends {first_end}"),
        );
        self.telegram("a word to Ann", |world| {
            world.bot_posts(ANN.id).iter().any(|post| post.text.contains("now lasts until")).then_some(())
        })
        .await?;
        self.settled().await?;
        self.told.promise(
            self.links_made() == links && self.is_inside(ANN),
            "She stays inside, with the invite that she has",
            format_args!("{} links instead of {links}", self.links_made()),
        );
        Ok(())
    }

    /// How many invite links there are.
    pub(super) fn links_made(&self) -> usize {
        self.stage.telegram.read(|world| world.links(PRIVATE_CHAT).len())
    }

    /// The end that the bot told somebody last.
    fn end_told(&self, user: i64) -> anyhow::Result<DateTime> {
        let posts = self.stage.telegram.read(|world| {
            let posts = world.bot_posts(tollhouse_telegram::UserId(user));
            posts.iter().rev().map(|post| post.text.clone()).collect::<Vec<_>>()
        });
        let end = posts.iter().find_map(|text| {
            let (_, rest) = text.split_once("lasts until ")?;
            DateTime::strptime("%d %B %Y, %H:%M", rest.split_once(" UTC")?.0).ok()
        });
        end.ok_or_else(|| anyhow::anyhow!("the bot told no end"))
    }
}
