//! What every part of the program shares: the configuration, the store, the clock and the ways to the outside.

use std::sync::{Arc, OnceLock};

use nowpayments::verify::Verifier;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::{OrderId, TelegramUserId};
use tollhouse_core::order_ref::OrderRef;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{OpenError, OpenOptions, Ports, Store, StoreError};
use tollhouse_telegram::{Gateway, GatewayConfig};

use crate::bot::{Pace, Taps, Turns};
use crate::clock::{Clock, Ids};
use crate::coins::CoinList;
use crate::config::{Config, ConfigError, TelegramMode};
use crate::http::ipn::Refusals;
use crate::http::live::Hub;
use crate::metrics;
use crate::provider::Provider;
use crate::pulse::Pulse;
use crate::reconcile::Reconcile;
use crate::texts::Language;
use crate::trouble::Trouble;
use crate::urls::Addresses;

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What every part shares.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Clock,
    /// Checks signatures; none without a secret.
    pub verifier: Option<Verifier>,
    /// The way to Telegram; none without a token.
    pub gateway: Option<Gateway>,
    /// The way to the provider; none without a key.
    pub provider: Option<Provider>,
    /// How the provider is asked for what we have not heard.
    pub reconcile: Reconcile,
    /// The coins that can be paid with.
    pub coins: CoinList,
    /// The pages that are open.
    pub live: Hub,
    /// The bot's name, once Telegram told it.
    pub bot_name: OnceLock<String>,
    /// Whose turn it is in which chat of the bot.
    pub turns: Turns,
    /// What each account has asked of the bot.
    pub pace: Pace,
    /// What each account has pressed in the bot just now.
    pub taps: Taps,
    /// Whether the parts of this process are at work.
    pub pulse: Pulse,
    /// Notifications that were refused for their signature.
    pub refused_signatures: Refusals,
    /// Updates that did not come with Telegram's secret.
    pub refused_updates: Refusals,
    /// What did not work lately.
    pub trouble: Arc<Trouble>,
}

/// Why the program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database did not open.
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The rules refused it; says what to mend.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Opens everything that the configuration names. Nothing is sent yet.
    ///
    /// # Errors
    /// A key that is wrong, or a database that does not open.
    pub async fn open(config: Config, clock: Clock) -> Result<Arc<Self>, StartError> {
        Self::open_with(config, clock, OpenOptions::default()).await
    }

    /// [`App::open`], with a say in how the database is opened.
    ///
    /// # Errors
    /// The same.
    pub async fn open_with(
        config: Config,
        clock: Clock,
        options: OpenOptions,
    ) -> Result<Arc<Self>, StartError> {
        let ports = Ports { now: clock.as_fn(), ids: Box::new(Ids), on_batch: Arc::new(metrics::batch) };
        let url = secrecy::ExposeSecret::expose_secret(&config.database_url);
        let store = tollhouse_store::open_with(url, ports, options).await?;
        Ok(Self::with_store(config, clock, store)?)
    }

    /// Puts everything together over a store that is open.
    ///
    /// # Errors
    /// A key that is wrong.
    pub fn with_store(config: Config, clock: Clock, store: Arc<dyn Store>) -> Result<Arc<Self>, ConfigError> {
        let secrets = config.ipn_secrets.clone();
        let verifier = match secrets.is_empty() {
            true => None,
            false => Some(
                Verifier::new(secrets).map_err(|error| wrong("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", &error))?,
            ),
        };
        let trouble = Arc::new(Trouble::new(clock.clone()));
        let gateway = match &config.telegram.bot_token {
            None => None,
            Some(token) => {
                let mut settings = GatewayConfig::new(token.clone(), config.telegram.api_url.clone());
                settings.observe = Arc::new(metrics::TelegramCalls::new(Arc::clone(&trouble)));
                settings.limits = config.telegram.limits;
                Some(Gateway::new(settings).map_err(|error| wrong("TOLLHOUSE_TELEGRAM_BOT_TOKEN", &error))?)
            }
        };
        let provider = Provider::new(&config)?;
        let pulse = Pulse::new(clock.clone());
        let pace = Pace::new(&clock);
        Ok(Arc::new(Self {
            config,
            store,
            clock,
            verifier,
            gateway,
            provider,
            reconcile: Reconcile::default(),
            coins: CoinList::default(),
            live: Hub::default(),
            bot_name: OnceLock::new(),
            turns: Turns::default(),
            pace,
            taps: Taps::default(),
            pulse,
            refused_signatures: Refusals::default(),
            refused_updates: Refusals::default(),
            trouble,
        }))
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// A refusal, or a store that cannot.
    pub async fn submit(&self, command: Command) -> Result<Outcome, SubmitError> {
        Ok(self.submit_as_is(command).await??)
    }

    /// The same, with a refusal as an answer.
    ///
    /// # Errors
    /// The store cannot; that is remembered for those who watch.
    pub async fn submit_as_is(&self, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
        self.store.submit(command).await.inspect_err(|error| self.trouble.store_failed(error))
    }

    /// The newest order of a reference, in whichever of its spellings it was kept (F05).
    ///
    /// # Errors
    /// The store's.
    pub async fn order_of_reference(&self, reference: OrderRef) -> Result<Option<OrderId>, StoreError> {
        if let OrderRef::Ours(id) = reference {
            return Ok(Some(id));
        }
        let mut needs = Needs::default();
        for spelling in reference.spellings() {
            needs.orders.extend(self.store.order_by_legacy_ref(&spelling).await?);
        }
        if needs.orders.len() < 2 {
            return Ok(needs.orders.pop_first());
        }
        let orders = self.store.snapshot(needs.clone()).await?.orders;
        let made = |id: &OrderId| orders.get(id).map(|order| order.created_at);
        Ok(needs.orders.into_iter().max_by_key(|id| (made(id), *id)))
    }

    /// The language of a Telegram account, as the bot last heard it. Not knowing it holds up no message.
    pub async fn language_of(&self, user: TelegramUserId) -> Language {
        match self.store.get_state(&language_key(user)).await {
            Ok(tag) => Language::of_account(tag.as_deref()),
            Err(error) => {
                tracing::warn!(%error, "the language of a message could not be looked up; it is English");
                Language::default()
            }
        }
    }

    /// Notes the language of an account, from the `language_code` of an update of its own; what it has now.
    ///
    /// # Errors
    /// The store's.
    pub async fn learn_language(
        &self,
        user: TelegramUserId,
        language_code: Option<&str>,
    ) -> Result<Language, StoreError> {
        let language = Language::of_account(language_code);
        let key = language_key(user);
        let known = self.store.get_state(&key).await?;
        // Nobody is English by default only to have a row of it.
        if known.as_deref().unwrap_or(Language::default().tag()) != language.tag() {
            self.store.put_state(&key, language.tag()).await?;
        }
        Ok(language)
    }

    /// The bot's link, with a start payload; `None` until its name is known.
    #[must_use]
    pub fn bot_link(&self, payload: &str) -> Option<String> {
        self.bot_name.get().map(|name| format!("https://t.me/{name}?start={payload}"))
    }

    /// Has the bot's name asked for, if it is not known: a process that only works jobs has not heard it yet.
    ///
    /// # Errors
    /// Telegram's.
    pub async fn know_bot(&self, gateway: &Gateway) -> Result<(), tollhouse_telegram::Error> {
        if self.bot_name.get().is_none() {
            let _ = self.bot_name.set(gateway.get_me().await?.username);
        }
        Ok(())
    }

    /// The bot's own number, which stands before the colon of its token.
    #[must_use]
    pub fn bot_id(&self) -> Option<i64> {
        let token = self.config.telegram.bot_token.as_ref()?;
        secrecy::ExposeSecret::expose_secret(token).split_once(':')?.0.parse().ok()
    }

    /// Whether jobs for Telegram can be worked here: there is a bot, and it is not switched off.
    #[must_use]
    pub fn talks_to_telegram(&self) -> bool {
        self.gateway.is_some() && self.config.telegram.mode != TelegramMode::Off
    }

    /// The path of our public address, without a slash at its end: empty unless we are below a path of a host.
    #[must_use]
    pub fn base(&self) -> &str {
        self.config.public_url.path().trim_end_matches('/')
    }

    /// An address of ours, as the world sees it.
    #[must_use]
    pub fn public_url(&self, path: &str) -> String {
        Addresses::new(&self.config.public_url).path(path).to_string()
    }
}

fn wrong(key: &str, error: &dyn std::error::Error) -> ConfigError {
    ConfigError { key: key.to_owned(), problem: error.to_string() }
}

/// Where the language of an account is kept.
fn language_key(user: TelegramUserId) -> String {
    format!("language:{user}")
}
