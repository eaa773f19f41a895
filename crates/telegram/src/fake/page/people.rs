//! Who one can be.

use maud::{Markup, html};

use super::layout::{face, icon};
use super::view::{Panel, Scene, View};

/// Everybody, with what waits for them, and a way to make somebody new.
pub(super) fn rail(scene: &Scene<'_>) -> Markup {
    let new = View { panel: Some(Panel::NewPerson), ..View::default() };
    html! {
        nav.rail id="rail" aria-label="Whom you are" {
            ul {
                @for person in scene.world.people().filter(|person| !person.deactivated && !person.user.is_bot) {
                    @let (id, name) = (person.user.id, &person.user.first_name);
                    @let is_me = id == scene.me();
                    @let unread = if is_me { 0 } else { scene.unread_in_all(id) };
                    li id={ "person" (id) } {
                        a href={ "/user/" (id) } data-go aria-current=[is_me.then_some("page")] {
                            (face(id.0, name))
                            span.who { (name) }
                            (badge(unread))
                        }
                    }
                }
                li id="person-new" {
                    a.new href=(scene.path(&new)) data-go { span.face { (icon("add")) } span.who { "Add" span.hush { " a person" } } }
                }
            }
        }
    }
}

/// How many messages are new.
pub(super) fn badge(unread: usize) -> Markup {
    html! { @if unread > 0 { span.badge { (unread) span.hush { " new" } } } }
}

/// Makes somebody.
pub(super) fn new_person(action: &str) -> Markup {
    html! {
        form.stack method="post" action=(action) {
            input type="hidden" name="act" value="add_user";
            label { "Name" input name="first_name" required maxlength="64" autocomplete="off"; }
            label { "Language of their app"
                select name="language_code" {
                    option value="en" { "English" } option value="ru" { "Russian" } option value="es" { "Spanish" } option value="de" { "German" }
                }
            }
            button.go { "Add this person" }
        }
    }
}
