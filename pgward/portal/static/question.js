// A passkey as an answer to a question of the login: the browser asks for it, the authority looks at
// it, and what comes of that goes back with the form.

import { explain, get } from "./webauthn.js";

const form = document.getElementById("passkey");
const button = form.querySelector("button");
const message = document.getElementById("message");

function say(kind, ...lines) {
  message.dataset.kind = kind;
  message.replaceChildren(
    ...lines.filter(Boolean).map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = line;
      return paragraph;
    }),
  );
}

async function used() {
  const credential = await get(JSON.parse(button.dataset.options));
  const answer = await fetch("/login/used", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ visit: button.dataset.visit, credential, redirect_uri: button.dataset.page }),
    cache: "no-store",
  });
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.error.message), { hint: found.error.hint });
  return new URL(found.redirect).searchParams;
}

form.addEventListener("submit", async (event) => {
  if (form.elements.voucher.value) return;
  event.preventDefault();
  button.disabled = true;
  say("busy", "Your browser asks for your passkey now…");
  try {
    const brought = await used();
    form.elements.voucher.value = brought.get("code");
    form.elements.state.value = brought.get("state");
    form.submit();
  } catch (error) {
    say("error", ...explain(error));
    button.disabled = false;
  }
});

if (window.PublicKeyCredential) {
  button.disabled = false;
  button.focus();
} else {
  say("error", "This browser cannot use passkeys here.");
}
