// What the login page does: it asks the browser for a passkey, brings the answer to the
// authority, and goes where that sends it: back to the person's own terminal.

const visit = document.getElementById("visit");
const form = document.getElementById("form");
const button = document.getElementById("go");
const message = document.getElementById("message");
const code = document.getElementById("code");

// What a person reads instead of the browser's own errors.
const PROBLEMS = {
  NotAllowedError: [
    "No passkey was used.",
    "It was cancelled, took too long, or there is no passkey for this page on this device. Try again, or choose another device when the browser asks.",
  ],
  InvalidStateError: [
    "This device has a passkey of yours already.",
    "It works as it is; choose another device to add one more.",
  ],
  SecurityError: [
    "Your browser does not allow passkeys at this address.",
    "The page's certificate must be trusted, and its address must be the authority's own. Ask your administrator.",
  ],
  ConstraintError: [
    "This security key cannot verify you.",
    "Set a PIN on it first, in the settings of your browser or operating system.",
  ],
  NotSupportedError: ["This device cannot make a passkey of a kind that is accepted here."],
};

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

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ visit: visit.dataset.visit, ...body }),
    credentials: "omit",
    cache: "no-store",
  });
  const found = await answer.json();
  if (!answer.ok) throw new Refused(found.error);
  return found;
}

function withBytes(descriptors) {
  return descriptors.map((each) => ({ ...each, id: toBytes(each.id) }));
}

async function use() {
  const options = JSON.parse(visit.dataset.options);
  const { id, type, response } = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = response;
  return ask("/login/used", {
    redirect_uri: new URLSearchParams(location.search).get("redirect_uri"),
    credential: {
      id,
      type,
      response: {
        clientDataJSON: toText(clientDataJSON),
        authenticatorData: toText(authenticatorData),
        signature: toText(signature),
        userHandle: userHandle ? toText(userHandle) : null,
      },
    },
  });
}

async function make() {
  const options = await ask("/login/code", { code: code.value });
  const { id, type, response } = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    },
  });
  return ask("/login/made", {
    code: code.value,
    credential: {
      id,
      type,
      response: {
        clientDataJSON: toText(response.clientDataJSON),
        attestationObject: toText(response.attestationObject),
        transports: response.getTransports ? response.getTransports() : [],
      },
    },
  });
}

function explain(error) {
  if (error instanceof Refused) return [error.message, error.hint];
  if (error instanceof TypeError || error instanceof SyntaxError) {
    return ["The authority did not answer.", "See whether you are online, and try again."];
  }
  return PROBLEMS[error.name] ?? ["Your browser could not do this.", String(error.message)];
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
