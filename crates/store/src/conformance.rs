//! The suite that every engine must pass: each case takes the address of a fresh, empty database.
//!
//! [`suite!`](crate::conformance_suite) makes a test of each case. The strongest of them plays random commands on a store and on
//! [`model::Model`], which holds everything in memory, and compares all there is.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is a test suite: it panics to say what does not hold"
)]
#![expect(missing_docs, reason = "a case says by its name what must hold")]

pub mod concurrency;
pub mod dialogues;
pub mod entities;
pub mod imports;
pub mod jobs;
pub mod lists;
pub mod model;
pub mod offers;
pub mod opening;
pub mod people;
pub mod random;
pub mod rights;
pub mod thousands;
pub mod writing;

mod world;

use async_trait::async_trait;

pub use world::{Clock, Gate, Notice, PRIVATE_CHAT, PUBLIC_CHAT, SeededIds, World, add_channel, legacy_ref};

/// A database of its own for one case, empty at first.
#[async_trait]
pub trait Fresh: Send + Sync {
    /// Its address.
    fn url(&self) -> String;
    /// Runs SQL past the store, as somebody would who changes the database by hand.
    async fn execute(&self, sql: &str);
}

/// Makes a test of each case. `$fresh` is an async function that gives a [`Fresh`](crate::conformance::Fresh), whose database is removed
/// when it is dropped.
#[macro_export]
macro_rules! conformance_suite {
    ($fresh:path) => {
        $crate::conformance_suite!(@cases $fresh,
            entities::every_entity_reads_back_with_extreme_values,
            entities::a_refusal_changes_nothing,
            entities::f103_the_least_that_each_thing_may_hold_is_stored,
            entities::a_text_with_nul_is_stored_all_the_same,
            entities::f28_the_same_bytes_are_kept_and_marked,
            entities::f50_an_archived_channel_keeps_its_members,
            entities::small_texts_are_kept_under_their_keys,
            entities::a_row_that_cannot_be_read_is_named,
            entities::what_a_newer_program_put_into_the_list_is_left_to_it,
            random::random_commands_end_as_in_the_model,
            thousands::f26_f28_ten_thousand_orders_of_every_kind_end_as_predicted,
            concurrency::f32_fifty_identical_at_once_give_one_grant,
            concurrency::f32_s04_two_processes_with_the_same_payment_give_one_grant,
            concurrency::two_processes_on_one_order_and_one_membership_lose_nothing,
            concurrency::a_re_deposit_and_its_parent_find_each_other,
            concurrency::two_processes_add_one_plan_once,
            concurrency::f27_two_processes_make_one_order_of_one_wish,
            concurrency::two_processes_make_one_order_of_one_form,
            concurrency::a_change_of_a_channel_is_not_undone_by_another,
            concurrency::the_audit_chain_holds_after_concurrent_writers,
            concurrency::a_commit_is_told_to_those_who_listen,
            dialogues::a_dialogue_reads_back_and_an_update_moves_it_once,
            dialogues::f58_an_answer_and_what_it_brings_about_are_one_commit,
            dialogues::two_processes_with_one_update_move_a_dialogue_once,
            imports::what_is_carried_over_reads_back_and_a_repeat_changes_nothing,
            imports::f31_a_carried_payment_is_not_granted_again,
            imports::two_processes_carry_one_member_over_once,
            jobs::no_job_is_claimed_twice,
            jobs::a_lapsed_lease_is_taken_over_and_the_old_holder_changes_nothing,
            jobs::a_job_that_cannot_be_read_is_passed_over,
            jobs::arming_follows_the_state_of_the_job,
            lists::lists_are_bounded_and_go_on_where_they_ended,
            lists::lists_filter,
            lists::the_numbers_are_those_of_the_rows,
            lists::money_that_ended_nowhere_is_stuck,
            offers::f57_the_number_of_a_post_and_the_end_of_its_job_are_one_commit,
            offers::f58_a_channel_of_an_older_program_has_an_offer_too,
            offers::what_an_offer_holds_reads_back,
            offers::f49_money_of_a_donation_is_neither_stuck_nor_granted,
            people::two_processes_remove_no_more_than_one_run_may,
            people::what_is_known_of_a_former_owner_is_there_when_the_channel_is_given_away,
            people::who_is_inside_and_what_is_frozen_reads_back,
            rights::what_the_bot_may_do_reads_back,
            rights::f51_a_groups_new_number_has_its_rights_and_the_old_one_none,
            rights::jobs_that_wait_for_a_right_are_woken_together,
            opening::eight_openers_at_once_migrate_once,
            opening::f101_f103_every_operation_is_known_to_an_empty_database,
            opening::a_newer_or_older_schema_is_refused,
            opening::one_process_has_a_role,
            writing::a_full_queue_says_so_at_once,
            writing::f33_a_poison_is_parked_and_the_others_commit,
            writing::closing_commits_what_is_held,
            writing::a_caller_who_hangs_up_changes_nothing,
        );
    };
    (@cases $fresh:path, $($module:ident::$case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let database = $fresh().await;
                $crate::conformance::$module::$case(&database).await;
            }
        )*
    };
}
