// What the login page does: it asks the browser for a passkey, brings the answer to the
// authority, and goes where that sends it: back to the person's own terminal.

import { ask, create, explain, get, say } from "./webauthn.js";

const { visit, options } = document.getElementById("visit").dataset;
const form = document.getElementById("form");
const button = document.getElementById("go");
const code = document.getElementById("code");

async function use() {
  return ask("/login/used", {
    visit,
    redirect_uri: new URLSearchParams(location.search).get("redirect_uri"),
    credential: await get(JSON.parse(options)),
  });
}

async function make() {
  const wanted = await ask("/login/code", { visit, code: code.value });
  return ask("/login/made", { visit, code: code.value, credential: await create(wanted) });
}

async function go(event) {
  event.preventDefault();
  if (code && !code.value.trim()) {
    code.setAttribute("aria-invalid", "true");
    say("error", "Type the code that your terminal shows.");
    code.focus();
    return;
  }
  button.disabled = true;
  say("busy", "Your browser asks for your passkey now…");
  try {
    const { redirect } = await (code ? make() : use());
    say("done", "Done. Your terminal goes on by itself.", "You can close this page if it stays.");
    location.replace(redirect);
  } catch (error) {
    say("error", ...explain(error));
    button.disabled = false;
    (code ?? button).focus();
  }
}

code?.addEventListener("input", () => code.removeAttribute("aria-invalid"));
form.addEventListener("submit", go);
if (window.PublicKeyCredential) {
  button.disabled = false;
  (code ?? button).focus();
} else {
  say(
    "error",
    "This browser cannot use passkeys here.",
    "It is too old, or it does not trust the certificate of this page.",
  );
}
