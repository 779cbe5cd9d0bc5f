// Where tokens are needed, somebody who has shown none gets this instead of the pages.

import { h, put } from "./dom.js";
import * as api from "./api.js";
import { field } from "./parts.js";

export function signIn() {
  const token = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, autofocus: true });
  const failure = h("p", { class: "form-error", role: "alert", hidden: true });
  const form = h("form", null,
    h("a", { class: "brand", href: "#/" }, h("img", { src: "ui/mark.svg", alt: "" }), "Mission Control"),
    h("h1", null, "Sign in"),
    h("p", { class: "muted" }, "This supervisor requires a token. Paste the token that was made for you with “supervisor auth”."),
    field("Token", token), failure,
    h("button", { type: "submit", class: "button primary" }, "Sign in"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await api.signIn(token.value.trim());
      location.reload();
    } catch (error) {
      put(failure, error.status === 401 ? "This token is not known here." : error.message).hidden = false;
      token.select();
    }
  });
  return h("main", { class: "sign-in" }, form);
}
