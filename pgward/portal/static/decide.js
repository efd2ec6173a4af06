// What the page of an access request does: when a person presses a button it asks the browser for
// a passkey, if one is wanted, and brings the decision to the authority.

const request = document.getElementById("request");
const form = document.getElementById("form");
const buttons = [...form.querySelectorAll("button")];
const reason = document.getElementById("reason");
const message = document.getElementById("message");
const options = request.dataset.options ? JSON.parse(request.dataset.options) : null;

class Refused extends Error {
  constructor(error) {
    super(error.message);
    this.hint = error.hint;
  }
}

function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function sentence(text) {
  const line = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}

function say(kind, ...lines) {
  message.dataset.kind = kind;
  message.replaceChildren(
    ...lines.filter(Boolean).map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = sentence(line);
      return paragraph;
    }),
  );
}

function enable(enabled) {
  for (const each of buttons) each.disabled = !enabled;
}

async function passkey() {
  const { id, type, response } = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: options.allowCredentials.map((each) => ({ ...each, id: toBytes(each.id) })),
    },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = response;
  return {
    id,
    type,
    response: {
      clientDataJSON: toText(clientDataJSON),
      authenticatorData: toText(authenticatorData),
      signature: toText(signature),
      userHandle: userHandle ? toText(userHandle) : null,
    },
  };
}

async function decide(approve) {
  const credential = options ? await passkey() : null;
  const answer = await fetch("/decide", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      link: request.dataset.link,
      form: request.dataset.form,
      approve,
      reason: reason.value.trim(),
      credential,
    }),
    credentials: "omit",
    cache: "no-store",
  });
  const found = await answer.json();
  if (!answer.ok) throw new Refused(found.error);
  return found.state;
}

function explain(error) {
  if (error instanceof Refused) return [error.message, error.hint];
  if (error instanceof TypeError || error instanceof SyntaxError) {
    return ["The authority did not answer.", "See whether you are online, and try again."];
  }
  if (error.name === "NotAllowedError") {
    return [
      "No passkey was used.",
      "It was cancelled, took too long, or there is no passkey for this page on this device. You can decide in a terminal instead.",
    ];
  }
  return ["Your browser could not do this.", String(error.message)];
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
