// Asking the browser for a passkey (WebAuthn), and saying in plain words why there is none.

export function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

export function toText(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// Returns the answer of an authenticator, in the JSON of the authority.
export async function get(options) {
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

// Returns the lines to tell a person: what happened, and what to do.
export function explain(error) {
  if (error.hint !== undefined) return [sentence(error.message), sentence(error.hint)];
  if (error instanceof TypeError || error instanceof SyntaxError) {
    return ["The authority did not answer.", "See whether you are online, and try again."];
  }
  if (error.name === "NotAllowedError") {
    return [
      "No passkey was used.",
      "It was cancelled, took too long, or there is no passkey for this page on this device.",
    ];
  }
  return ["Your browser could not do this.", String(error.message)];
}

export function sentence(text) {
  if (!text) return "";
  const line = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}
