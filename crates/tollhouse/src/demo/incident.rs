//! The incident for which the project was written: paid, finished at the provider, and nobody had recorded an order.

use std::time::{Duration, Instant};

use nowpayments::sandbox::{Change, NewPayment};
use nowpayments::{ProviderPaymentId, Status};
use rust_decimal::Decimal;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::shop::{OLGA, PRIVATE_CHAT};
use super::story::{MALLORY, SAM, Story};

/// The payment.
const PAYMENT: u64 = 4_479_119_533;
/// The order that it names.
const ORDER: &str = "PGP-6271402111|-1003016667267";
/// In dollars and cents.
const PRICE: Decimal = Decimal::from_parts(250, 0, 0, false, 2);
/// How long a paying buyer may wait for the invite, in milliseconds.
const INVITE_MS_MAX: u64 = 1_000;

impl Story {
    pub(super) async fn incident(&mut self) -> anyhow::Result<()> {
        self.told.act("The incident: paid, and nobody had recorded an order");
        let id = ProviderPaymentId::new(PAYMENT).ok_or_else(|| anyhow::anyhow!("no payment id"))?;
        // The first that anybody hears of it is that it is finished, as on that day.
        self.stage.nowpayments.drop_next(1);
        let new = NewPayment {
            id: Some(id),
            order_id: Some(ORDER.to_owned()),
            // The address at which the old system listened.
            ipn_callback_url: Some(format!("{}/", self.stage.url)),
            ..NewPayment::usd(PRICE)
        };
        let payment = self.stage.nowpayments.create_payment(new)?;
        self.told.tell(SAM.name, format_args!("pays {PRICE} USD by an old link; the order is {ORDER}"));
        self.told.tell("NOWPayments", format_args!("notifies: payment {PAYMENT}, {PRICE} USD, finished"));
        let sent = Instant::now();
        let paid = Change { actually_paid: Some(payment.pay_amount), ..Change::default() };
        self.stage.nowpayments.set_status(id, Status::Finished, paid)?;
        let delivery = self.answered(id, Status::Finished).await?;
        let link = self
            .telegram("an invite link", |world| {
                world.links(PRIVATE_CHAT).first().map(|link| link.url.clone())
            })
            .await?;
        let took = sent.elapsed();
        let (code, answer) = delivery
            .attempts
            .first()
            .map_or((Ok(0), String::new()), |attempt| (attempt.outcome.clone(), attempt.answer.clone()));
        let code = code.map_or_else(|error| error, |code| code.to_string());
        self.told.tell("Tollhouse", format_args!("answers {code} {answer}"));
        let verdict: Value = serde_json::from_str(&answer).unwrap_or_default();
        let is_taken = code == "200" && verdict["verdict"] == "applied";
        self.told.promise(
            is_taken,
            "An order that nobody recorded is answered with 200, and worked in",
            &answer,
        );
        self.told.tell("Tollhouse", format_args!("makes the invite {link}"));
        self.told.promise(
            took < Duration::from_millis(INVITE_MS_MAX),
            format_args!(
                "From the notification to the invite: {} ms (promised: under {INVITE_MS_MAX})",
                took.as_millis()
            ),
            "it took longer",
        );
        self.the_old_page().await?;
        self.the_link_in_both_places(&link).await?;
        self.only_the_payer(&link).await?;
        self.telegram("a notice of the sale", |world| {
            world.bot_posts(OLGA.id).iter().any(|post| post.text.contains("sold for")).then_some(())
        })
        .await?;
        self.told.tell(OLGA.name, "is told of the sale");
        Ok(())
    }

    /// The page on which the old system said "Processing payment..." for ever.
    async fn the_old_page(&mut self) -> anyhow::Result<()> {
        let page = self.browser.open(&old_page()).await?;
        self.told.tell(SAM.name, "reloads the page that said \"Processing payment...\": it says \"Paid\"");
        let status = self.browser.status(ORDER).await?;
        let is_paid = page.says("Paid. Thank you!") && status["status"] == "confirmed";
        self.told.promise(is_paid, "The page and the API know the old order as paid", status);
        let until = page.until();
        let is_month = until.is_some_and(|until| self.is_days_from_now(until, 30));
        let promise = match until {
            Some(until) => format!("The membership lasts 30 days, until {}", until.strftime("%-d %B %Y")),
            None => "The membership lasts 30 days".to_owned(),
        };
        self.told.promise(is_month, promise, format_args!("the page says {until:?}"));
        Ok(())
    }

    /// Telegram lets no bot write first. The link is on the page, and comes with the first /start.
    async fn the_link_in_both_places(&mut self, link: &str) -> anyhow::Result<()> {
        self.telegram("Telegram's refusal", |world| (world.failed("sendMessage") > 0).then_some(())).await?;
        self.told.tell("Telegram", "refuses the message to Sam: he has never started the bot");
        let on_page = self.browser.open(&old_page()).await?.button();
        self.stage.telegram.start(SAM.id, "")?;
        let in_chat = self.message_link(SAM).await?;
        self.told.tell(SAM.name, "presses Start in the bot, and the link comes there too");
        self.told.promise(
            on_page.as_deref() == Some(link) && in_chat == link,
            "Whoever never wrote to the bot finds the invite on the page, and in the bot after Start",
            format_args!("{on_page:?} on the page, {in_chat} in the bot, {link} made"),
        );
        Ok(())
    }

    async fn only_the_payer(&mut self, link: &str) -> anyhow::Result<()> {
        let is_declined = self.is_declined(MALLORY, link).await?;
        self.told.tell(MALLORY.name, "found the link and asks to join");
        self.told.promise(
            is_declined,
            "A stranger with the same link is declined and told why",
            "she is inside",
        );
        self.stage.telegram.open_link(SAM.id, link)?;
        self.telegram("Sam to be let in", |world| world.is_inside(PRIVATE_CHAT, SAM.id).then_some(()))
            .await?;
        self.told.tell(SAM.name, "asks to join");
        let said = self
            .until("a page that knows that Sam is inside", async || {
                let said = self.said_of(ORDER, "invite").await?;
                Ok((said == "joined").then_some(said))
            })
            .await?;
        self.told.promise(
            self.is_inside(SAM) && said == "joined",
            "The payer is let in at once",
            "he waits outside",
        );
        Ok(())
    }
}

fn old_page() -> String {
    format!("/payment-processing?order_id={}", byte_serialize(ORDER.as_bytes()).collect::<String>())
}
