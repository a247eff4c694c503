/** Words that name a secret or personal data, wherever they stand in a name. */
const WORDS: ReadonlySet<string> = new Set([
  "pwd",
  "pin",
  "otp",
  "totp",
  "jwt",
  "bearer",
  "sid",
  "csrf",
  "xsrf",
  "mail",
  "phone",
  "telephone",
  "msisdn",
  "ssn",
  "iban",
  "cvv",
  "cvc",
  "card",
  "passport",
  "dob",
  "birthday",
  "birthdate",
  "surname",
  "firstname",
  "lastname",
  "fullname",
  "nickname",
  "username",
  "address",
  "street",
  "zip",
  "zipcode",
  "postcode",
  "latitude",
  "longitude",
  "ip",
  "ipv4",
  "ipv6",
  "apikey",
  "privatekey",
  "accesskey",
  "signingkey",
  "sessionid",
  "sessionkey",
  "phonenumber",
  "creditcard",
  "cardnumber",
  "bankaccount",
  "accountnumber",
  "taxid",
  "socialsecurity",
  "dateofbirth",
  "ipaddress",
  "realname",
]);

/** What names a secret also within a longer word, such as `accesstoken`. */
const PARTS = ["password", "passwd", "passphrase", "secret", "token", "authorization", "credential", "cookie", "email"];

/**
 * The part of a field's name that speaks of a secret or of personal data: a word, two or three words that make one
 * (`session_id`), or a part of a word. Undefined where there is none.
 */
export function sensitivePartOf(name: string): string | undefined {
  const words = name.split(/[._-]/).filter((word) => word !== "");
  for (let i = 0; i < words.length; i++) {
    for (let end = i + 1; end <= Math.min(i + 3, words.length); end++) {
      const joined = words.slice(i, end).join("");
      if (isSensitive(joined)) return words.slice(i, end).join("_");
    }
    const word = words[i] ?? "";
    if (PARTS.some((part) => word.includes(part))) return word;
  }
  return undefined;
}

function isSensitive(word: string): boolean {
  return WORDS.has(word) || PARTS.includes(word) || (word.endsWith("s") && WORDS.has(word.slice(0, -1)));
}
