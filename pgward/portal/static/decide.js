// What the page of an access request does: when a person presses a button it asks the browser for
// a passkey, if one is wanted, and brings the decision to the authority.

import { ask, explain, get, say } from "./webauthn.js";

const request = document.getElementById("request");
const form = document.getElementById("form");
const buttons = [...form.querySelectorAll("button")];
const reason = document.getElementById("reason");
const options = request.dataset.options ? JSON.parse(request.dataset.options) : null;

function enable(enabled) {
  for (const each of buttons) each.disabled = !enabled;
}

async function decide(approve) {
  const credential = options ? await get(options) : null;
  const { state } = await ask("/decide", {
    link: request.dataset.link,
    form: request.dataset.form,
    approve,
    reason: reason.value.trim(),
    credential,
  });
  return state;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const approve = event.submitter?.value === "approve";
  if (!approve && !reason.value.trim()) {
    say("error", "Say why not.");
    reason.focus();
    return;
  }
  enable(false);
  say("busy", options ? "Your browser asks for your passkey now…" : "One moment…");
  try {
    const state = await decide(approve);
    say("done", state === "pending" ? "Noted. Others have to say yes as well." : `The request is ${state}.`);
  } catch (error) {
    say("error", ...explain(error));
    enable(true);
  }
});

if (options && !window.PublicKeyCredential) {
  say("error", "This browser cannot use passkeys here.", "Decide in a terminal instead.");
} else {
  enable(true);
}
