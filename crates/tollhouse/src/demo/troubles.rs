//! What goes wrong on the way of money and of messages: copies, disorder, too little, silence, a refund.

use anyhow::{Context, bail};
use futures::future::join_all;
use nowpayments::Status;
use nowpayments::sandbox::{BuyerAction, Delivery, DeliveryState, ReleaseOrder};
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::EventSource;
use tollhouse_core::id::ProviderPaymentId;

use super::shop::OLGA;
use super::story::{BEN, Bought, CLEO, COIN, DAN, EVE, Story, within};
use crate::intake::{self, Envelope};

/// How many copies of one notification arrive at once.
const COPIES: usize = 50;
/// The coin of the partial payment, at whose price the amounts are round.
const ROUND_COIN: &str = "trx";

impl Story {
    pub(super) async fn duplicates(&mut self) -> anyhow::Result<()> {
        self.told.act("One notification fifty times at once, and the earlier ones after it");
        let links = self.links_made();
        self.stage.telegram.start(BEN.id, "")?;
        let bought = self.buy_as(BEN).await?;
        self.answered(bought.payment, Status::Waiting).await?;
        self.stage.nowpayments.hold();
        self.pay_exactly(BEN.name, &bought).await?;
        let held = self.held(&bought);
        let last = held.iter().find(|delivery| delivery.status == Some(Status::Finished));
        let last = last.context("the provider holds no `finished`")?;
        self.copies(last).await?;
        self.stage.nowpayments.release(ReleaseOrder::Reversed);
        within("the late notifications", self.stage.nowpayments.tick()).await?;
        let answers = self.verdicts(&bought);
        self.told.tell(
            "NOWPayments",
            format_args!("sends what came before, last first; answered: {}", answers.join(", ")),
        );
        self.message_link(BEN).await?;
        self.settled().await?;
        let state = self.said_of(&bought.order, "state").await?;
        self.told.promise(
            state == "paid" && answers.iter().all(|verdict| verdict == "duplicate" || verdict == "stale"),
            "The order in which they arrive makes no difference: still paid",
            format_args!("{state}; {}", answers.join(", ")),
        );
        let (made, sent) = (self.links_made() - links, self.invites_sent(BEN));
        let page = self.browser.open(&format!("/o/{}", bought.order)).await?;
        let promise = match page.until() {
            Some(until) => {
                format!("One period (until {}), one invite, one message", until.strftime("%-d %B %Y"))
            }
            None => "One period, one invite, one message".to_owned(),
        };
        let is_one_month = page.until().is_some_and(|until| self.is_days_from_now(until, 30));
        self.told.promise(
            made == 1 && sent == 1 && is_one_month,
            promise,
            format_args!("{made} invites, {sent} messages, until {:?}", page.until()),
        );
        self.enter(BEN, &bought.order).await?;
        Ok(())
    }

    fn held(&self, bought: &Bought) -> Vec<Delivery> {
        let mut deliveries = self.stage.nowpayments.deliveries();
        deliveries.retain(|delivery| {
            delivery.payment_id == Some(bought.payment) && delivery.state == DeliveryState::Held
        });
        deliveries
    }

    /// The same bytes with the same signature over as many connections.
    async fn copies(&mut self, of: &Delivery) -> anyhow::Result<()> {
        let signature = of.signature.as_deref().unwrap_or_default();
        let copies = (0..COPIES).map(|_| self.browser.notify(&of.url, of.body.clone(), signature));
        let answers = within("an answer to every copy", join_all(copies)).await?;
        let answers = answers.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let count = |verdict: &str| answers.iter().filter(|(_, answer)| answer["verdict"] == verdict).count();
        let (applied, duplicate) = (count("applied"), count("duplicate"));
        let all_200 = answers.iter().all(|(code, _)| *code == 200);
        self.told.tell(
            "NOWPayments",
            format_args!(
                "sends `finished` {COPIES} times at once; answered: {applied} applied, {duplicate} duplicate"
            ),
        );
        self.told.promise(
            all_200 && applied == 1 && duplicate == COPIES - 1,
            "Each copy is answered with 200, and one of them counts",
            format_args!("{answers:?}"),
        );
        Ok(())
    }

    /// What was answered to the notifications of a payment after the first, oldest first.
    fn verdicts(&self, bought: &Bought) -> Vec<String> {
        let deliveries = self.stage.nowpayments.deliveries();
        let mine = deliveries.iter().filter(|delivery| {
            delivery.payment_id == Some(bought.payment) && delivery.status != Some(Status::Waiting)
        });
        let answers = mine.filter_map(|delivery| delivery.attempts.last());
        answers
            .map(|attempt| {
                let answer: serde_json::Value = serde_json::from_str(&attempt.answer).unwrap_or_default();
                answer["verdict"].as_str().unwrap_or(&attempt.answer).to_owned()
            })
            .collect()
    }

    pub(super) async fn in_parts(&mut self) -> anyhow::Result<()> {
        self.told.act("Too little, and then the rest");
        let bought = self.buy_by_link(CLEO.name, ROUND_COIN).await?;
        self.stage.nowpayments.buyer(bought.payment, BuyerAction::Less)?;
        self.confirm(bought.payment, &Status::PartiallyPaid).await?;
        let payment = self.stage.nowpayments.payment(bought.payment).context("the payment is gone")?;
        let (paid, asked) = (payment.actually_paid, payment.pay_amount);
        let coin = ROUND_COIN.to_uppercase();
        self.told.tell(CLEO.name, format_args!("pays {paid} of {asked} {coin}"));
        let rest = format!("{} {coin}", asked - paid);
        let page = self.browser.open(&format!("/o/{}", bought.order)).await?;
        let status = self.browser.status(&bought.order).await?;
        let remaining = &status["data"]["remaining"];
        let is_exact = page.says(&format!(">{}<", rest.replace(" ", "\u{a0}")))
            && remaining["amount"] == (asked - paid).to_string()
            && remaining["currency"] == ROUND_COIN;
        self.told.promise(is_exact, format_args!("The page asks for the exact rest: {rest}"), &status);
        self.told.promise(
            page.until().is_none() && status["data"]["confirmed"] == false,
            "Too little gives no access",
            status,
        );
        self.telegram("a notice of the partial payment", |world| {
            let posts = world.bot_posts(OLGA.id);
            posts.iter().any(|post| post.text.contains("a part of the price")).then_some(())
        })
        .await?;
        self.told.tell(OLGA.name, "is told that a part of the price has arrived");
        self.stage.nowpayments.buyer(bought.payment, BuyerAction::Rest)?;
        let parent = self.stage.nowpayments.payment(bought.payment).context("the payment is gone")?;
        let top_up = *parent.children.last().context("the provider made no re-deposit")?;
        self.confirm(top_up, &Status::Finished).await?;
        self.told.tell(
            CLEO.name,
            format_args!("sends the rest to the same address; it comes as payment {top_up}"),
        );
        self.enter(CLEO, &bought.order).await?;
        let state = self.said_of(&bought.order, "state").await?;
        self.told.promise(
            state == "paid" && self.is_inside(CLEO),
            "The two parts together pay the order, and she is let in",
            state,
        );
        Ok(())
    }

    pub(super) async fn lost(&mut self) -> anyhow::Result<()> {
        self.told.act("A notification that never comes");
        let (order, invoice) = self.order_by_link(DAN.name).await?;
        self.stage.nowpayments.drop_next(u64::MAX);
        let payment = self.choose(DAN.name, invoice, COIN).await?;
        let bought = Bought { order, payment };
        self.pay_exactly(DAN.name, &bought).await?;
        let state = self.said_of(&bought.order, "state").await?;
        self.told.tell(
            "NOWPayments",
            format_args!("has the money; every notification is lost. The order is still {state}"),
        );
        self.stage.nowpayments.drop_next(0);
        let command = format!("tollhouse payment recover {payment}");
        let first = self.recover(&bought).await?;
        self.told.tell(OLGA.name, format_args!("runs {command}: {first}"));
        let links = self.links_made();
        self.enter(DAN, &bought.order).await?;
        let state = self.said_of(&bought.order, "state").await?;
        self.told.promise(
            state == "paid" && self.is_inside(DAN) && self.links_made() <= links + 1,
            "The provider is asked, and the answer taken like a notification: paid, and he is inside",
            state,
        );
        let before = self.browser.open(&format!("/o/{}", bought.order)).await?;
        let second = self.recover(&bought).await?;
        self.told.tell(OLGA.name, format_args!("runs it once more: {second}"));
        self.settled().await?;
        let after = self.browser.open(&format!("/o/{}", bought.order)).await?;
        self.told.promise(
            second == "duplicate" && before.until() == after.until() && self.invites_sent(DAN) == 1,
            "Asking twice changes nothing",
            format_args!("{second}, until {:?} and then {:?}", before.until(), after.until()),
        );
        Ok(())
    }

    /// What `tollhouse payment recover` does: asks the provider, and takes the answer as it takes a notification. Gives the verdict.
    async fn recover(&self, bought: &Bought) -> anyhow::Result<&'static str> {
        let provider = self.stage.app.provider.as_ref().context("no provider is configured")?;
        let id: ProviderPaymentId = bought.payment.to_string().parse()?;
        let answer = within("the provider's answer", provider.payment(id)).await??;
        let envelope = Envelope {
            received_at: self.stage.clock.now(),
            source: EventSource::Recovery,
            signature_form: None,
            headers: "{}".to_owned(),
        };
        let received = intake::received(envelope, answer.body, &answer.notification)?;
        match self.stage.app.submit(Command::Notification(Box::new(received))).await? {
            Outcome::Notification { verdict, .. } => Ok(verdict.as_str()),
            other => bail!("a notification came to {other:?}"),
        }
    }

    pub(super) async fn refund(&mut self) -> anyhow::Result<()> {
        self.told.act("A refund");
        self.stage.telegram.start(EVE.id, "")?;
        let bought = self.buy_as(EVE).await?;
        self.pay_exactly(EVE.name, &bought).await?;
        let link = self.enter(EVE, &bought.order).await?;
        self.stage.nowpayments.refund(bought.payment)?;
        self.told.tell("NOWPayments", "notifies: refunded");
        self.answered(bought.payment, Status::Refunded).await?;
        self.telegram("Eve to be shown out", |world| self.was_removed(world, EVE).then_some(())).await?;
        self.told.promise(
            !self.is_inside(EVE),
            "The access that was paid back is taken back: removed, and Telegram has confirmed it",
            "she is still inside",
        );
        let (page, state) = (
            self.browser.open(&format!("/o/{}", bought.order)).await?,
            self.said_of(&bought.order, "state").await?,
        );
        self.told.promise(
            state == "refunded" && page.says("This payment was refunded"),
            "Her page says that the payment was refunded",
            state,
        );
        let is_declined = self.is_declined(EVE, &link).await?;
        self.told.tell(EVE.name, "tries her old invite");
        self.told.promise(
            is_declined,
            "The old invite lets her in no more; she is not banned",
            "she is inside",
        );
        Ok(())
    }
}
