// A passkey as an answer to a question of the login: the browser asks for it, the authority looks at
// it, and what comes of that goes back with the form.

import { ask, explain, get, say } from "./webauthn.js";

const form = document.getElementById("passkey");
const button = form.querySelector("button");

async function used() {
  const { redirect } = await ask("/login/used", {
    visit: button.dataset.visit,
    credential: await get(JSON.parse(button.dataset.options)),
    redirect_uri: button.dataset.page,
  });
  return new URL(redirect).searchParams;
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
