const OF_PEOPLE =
  "mail phone telephone phonenumber msisdn ssn socialsecurity taxid passport dob dateofbirth birthday birthdate surname firstname lastname fullname nickname username realname address street zip zipcode postcode latitude longitude ip ipv4 ipv6 ipaddress";
const OF_SECRETS =
  "pwd pin otp totp jwt bearer sid sessionid sessionkey csrf xsrf apikey privatekey accesskey signingkey iban bankaccount accountnumber card cardnumber creditcard cvv cvc";

/** Words that also count inside a longer word, such as `accesstoken`. */
const PARTS = "password passwd passphrase secret token authorization credential cookie email".split(" ");

const WORDS: ReadonlySet<string> = new Set([...`${OF_PEOPLE} ${OF_SECRETS}`.split(" "), ...PARTS]);

/** The part of a field's name that suggests a secret or personal data: one to three words, such as `session_id`. */
export function sensitivePartOf(name: string): string | undefined {
  const words = name.split(/[._-]+/);
  for (const [i, word] of words.entries()) {
    for (let end = i + 1; end <= i + 3; end++) {
      const joined = words.slice(i, end).join("");
      if (WORDS.has(joined) || WORDS.has(joined.replace(/s$/, ""))) return words.slice(i, end).join("_");
    }
    if (PARTS.some((part) => word.includes(part))) return word;
  }
  return undefined;
}
