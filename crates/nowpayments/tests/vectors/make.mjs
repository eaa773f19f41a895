// Writes own.json: `node make.mjs > own.json`. Only needed when a vector is added; the tests read the file.
//
// Every value is invented. The texts that a signature may cover come from a JavaScript engine, which is what the provider is taken to
// sign with, from Python's json where that is asked for, and where no program writes the text it is written out here by hand. None of
// it knows the code that is tested. The shape of the file is that of the vectors which some have beside the repository.

import { createHash, createHmac } from "node:crypto";
import { execFileSync } from "node:child_process";

const SECRET = "own-test-secret/1+Q==";

const hmac = (text, secret = SECRET, algorithm = "sha512") => createHmac(algorithm, secret).update(text).digest("hex");

/** The official Node SDK: keys sorted at every depth, arrays kept. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

/** The JavaScript sample of the API documentation: an array becomes an object with index keys. */
function sortedAsObjects(value) {
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sortedAsObjects(value[key])]));
}

const sdk = (body) => JSON.stringify(sorted(JSON.parse(body)));
const docsJs = (body) => JSON.stringify(sortedAsObjects(JSON.parse(body)));
const replacer = (body) => { const read = JSON.parse(body); return JSON.stringify(read, Object.keys(read).sort()); };
const unsorted = (body) => JSON.stringify(JSON.parse(body));
const topLevelOnly = (body) => {
  const read = JSON.parse(body);
  return JSON.stringify(Object.fromEntries(Object.keys(read).sort().map((key) => [key, read[key]])));
};
const python = (body) => execFileSync("python3", ["-c",
  "import json,sys; sys.stdout.write(json.dumps(json.loads(sys.argv[1]), separators=(',', ':'), sort_keys=True))", body]).toString();

const vectors = [];

/**
 * Adds a body. Each case is [name of the form, its text or its signature, whether it is taken]; texts that are equal share one case.
 * Forms stand in the order in which they are tried: where nothing is respelled, `lexeme_sorted` has the text of `sdk`.
 */
function add(name, note, body, cases, parsed, secret = SECRET) {
  const of = new Map();
  for (const [form, { text, signature }, expect] of cases) {
    const value = text === undefined ? signature : hmac(text, secret);
    const known = of.get(value);
    if (known && known.expect !== expect) throw new Error(`${name}: ${form} and ${known.form} are the same text`);
    if (known) known.form += `+${form}`;
    else of.set(value, { form, signature: value, expect });
  }
  const bytes = Buffer.isBuffer(body) ? { body_base64: body.toString("base64") } : { body };
  vectors.push({ name, note, secret, ...bytes, cases: [...of.values()], parsed: parsed ?? null });
}

const text = (text) => ({ text });
const signature = (signature) => ({ signature });
const taken = (form, covered) => [form, text(covered), "accept"];
const refused = (form, covered) => [form, text(covered), "reject"];
const read = (members) => ({
  payment_id: "4479000001", status: "finished", order_id: null, price_amount: null, pay_amount: null, actually_paid: null,
  parent_payment_id: null, ...members,
});

// --- What is taken -------------------------------------------------------------------------------------------------

const FINISHED = '{"actually_paid":0.01204,"fee":{"currency":"eth","depositFee":0.000002,"serviceFee":1e-7},"order_id":"ord_7/a",'
  + '"pay_amount":0.01204,"pay_currency":"eth","payment_id":4479000001,"payment_status":"finished","price_amount":20.5,"price_currency":"usd"}';
const FINISHED_READ = read({ order_id: "ord_7/a", price_amount: "20.5", pay_amount: "0.01204", actually_paid: "0.01204" });
add("as_it_arrives", "compact and sorted; what other languages make of the same body is not taken", FINISHED, [
  taken("raw", FINISHED), taken("sdk", sdk(FINISHED)), taken("docs_js", docsJs(FINISHED)),
  refused("replacer", replacer(FINISHED)),
  refused("docs_python", python(FINISHED)),
  refused("docs_php", FINISHED.replace("0.000002", "2.0e-6").replace("1e-7", "1.0e-7")),
  refused("php_top_level_escaped_slashes", FINISHED.replace("ord_7/a", "ord_7\\/a")),
], FINISHED_READ);

const MOVED = '{\n  "payment_status": "finished",\n  "payment_id": 4479000001,\n  "fee": { "serviceFee": 0.10, "currency": "eth" },\n  "price_amount": 20.5\n}\n';
add("moved_and_indented", "a proxy writes it anew and leaves the numbers as they are", MOVED, [
  taken("raw", MOVED),
  taken("lexeme_sorted", '{"fee":{"currency":"eth","serviceFee":0.10},"payment_id":4479000001,"payment_status":"finished","price_amount":20.5}'),
  taken("sdk", sdk(MOVED)),
  refused("reserialised_unsorted", unsorted(MOVED)),
  refused("top_level_only", topLevelOnly(MOVED)),
], read({ price_amount: "20.5" }));

const SPELLED = '{"a":25.0,"b":0.10,"c":100.00,"d":-0,"e":-0.0,"f":1E-7,"g":0.0000001,"h":0.000001,"i":1e20,"j":1e21,"k":8.3e-05,'
  + '"l":123456789012345680000,"m":9007199254740991,"n":5e-324,"payment_id":4479000001,"payment_status":"finished"}';
add("numbers_respelled", "each spelling that a JavaScript engine changes", SPELLED, [
  taken("raw", SPELLED), refused("docs_python", python(SPELLED)),
  // Beyond 2^53 an integer token has no form of JavaScript's.
  refused("sdk", sdk(SPELLED)),
], read());
const SPELLED_WITHIN = SPELLED.replace('"l":123456789012345680000,', "");
add("numbers_respelled_within_2_53", "the same without the one that loses something", SPELLED_WITHIN, [
  taken("raw", SPELLED_WITHIN), taken("sdk", sdk(SPELLED_WITHIN)), refused("docs_python", python(SPELLED_WITHIN)),
], read());

const ABOVE = '{"payment_status":"finished","payment_id":4479000001,"x":9007199254740993}';
add("integer_above_2_53", "two values share one text of JavaScript's", ABOVE, [
  taken("raw", ABOVE), taken("lexeme_sorted", '{"payment_id":4479000001,"payment_status":"finished","x":9007199254740993}'),
  refused("sdk", sdk(ABOVE)), refused("docs_js", docsJs(ABOVE)),
], read());
const OVERFLOW = '{"payment_status":"finished","payment_id":4479000001,"x":1e400}';
add("number_that_overflows", "JavaScript writes null for it", OVERFLOW, [
  taken("raw", OVERFLOW), taken("lexeme_sorted", '{"payment_id":4479000001,"payment_status":"finished","x":1e400}'),
  refused("sdk", sdk(OVERFLOW)),
], read());
const PROTO = '{"payment_status":"finished","payment_id":4479000001,"__proto__":{"x":1}}';
add("member_that_javascript_drops", "it would go unsigned", PROTO, [
  taken("raw", PROTO), taken("lexeme_sorted", '{"__proto__":{"x":1},"payment_id":4479000001,"payment_status":"finished"}'),
  refused("sdk_without_it", '{"payment_id":4479000001,"payment_status":"finished"}'),
], read());

const ARRAY = '{"payment_id":4479000001,"x":[[],[1.0,{"b":1,"a":2}]],"payment_extra_ids":[5195683237],"payment_status":"finished"}';
add("arrays", "kept, or as objects with index keys", ARRAY, [
  taken("raw", ARRAY),
  taken("lexeme_sorted", '{"payment_extra_ids":[5195683237],"payment_id":4479000001,"payment_status":"finished","x":[[],[1.0,{"a":2,"b":1}]]}'),
  taken("sdk", sdk(ARRAY)), taken("docs_js", docsJs(ARRAY)),
], read());
const ELEVEN = `{"payment_status":"finished","payment_id":4479000001,"many":[${[...Array(11).keys()].join(",")}]}`;
add("array_of_eleven", "index keys stand in the order of numbers", ELEVEN, [
  taken("raw", ELEVEN), taken("lexeme_sorted", sdk(ELEVEN)), taken("sdk", sdk(ELEVEN)), taken("docs_js", docsJs(ELEVEN)),
], read());

const KEYS = '{"b":1,"10":1,"9":1,"01":1,"4294967295":1,"4294967294":1,"B":1,"\uff5e":1,"\u{1f600}":1,"payment_id":4479000001,"payment_status":"finished"}';
add("keys_in_order", "by UTF-16 units; in JavaScript's forms what looks like an index comes first", KEYS, [
  taken("raw", KEYS), taken("sdk", sdk(KEYS)),
  taken("lexeme_sorted", '{"01":1,"10":1,"4294967294":1,"4294967295":1,"9":1,"B":1,"b":1,"payment_id":4479000001,"payment_status":"finished","\u{1f600}":1,"\uff5e":1}'),
  refused("docs_python", python(KEYS)),
], read());

const STRINGS = '{"payment_status":"finished","payment_id":4479000001,"order_id":"\\u0041\\/\\u003c\\u00e9\\ud83d\\ude00 \\u2028\\u007f \\b\\t\\n\\f\\r\\u0001\\u001F\\"\\\\"}';
add("strings_written_anew", "escapes as JSON.stringify writes them", STRINGS, [
  taken("raw", STRINGS), taken("lexeme_sorted", sdk(STRINGS)), taken("sdk", sdk(STRINGS)), refused("docs_python", python(STRINGS)),
], read({ order_id: "A/<\u00e9\u{1f600} \u2028\u007f \b\t\n\f\r\u0001\u001f\"\\" }));

const SPACED = ' \r\n\t{"payment_id":4479000001,"payment_status":"finished"}\n ';
add("space_around", "white space around the object is fine", SPACED, [taken("raw", SPACED), taken("lexeme_sorted", sdk(SPACED)), taken("sdk", sdk(SPACED))], read());

const DEEPEST = `{"payment_id":4479000001,"payment_status":"finished","x":${"[".repeat(15)}${"]".repeat(15)}}`;
add("sixteen_levels", "as deep as is allowed", DEEPEST, [taken("raw", DEEPEST), taken("docs_js", docsJs(DEEPEST))], read());

const STRING_IDS = '{"actually_paid":"0.5","order_id":null,"parent_payment_id":"4479000000","pay_amount":"0.50","payment_id":"4479000001","payment_status":"partially_paid","price_amount":"10.00"}';
add("everything_a_string", "some accounts are told to have it", STRING_IDS, [taken("raw", STRING_IDS), taken("sdk", sdk(STRING_IDS))],
  read({ status: "partially_paid", price_amount: "10.00", pay_amount: "0.50", actually_paid: "0.5", parent_payment_id: "4479000000" }));

const WITHDRAWAL = '{"amount":"50","currency":"usdttrc20","id":"511000001","status":"CREATING"}';
add("no_payment", "signed, and about something else", WITHDRAWAL, [taken("raw", WITHDRAWAL)]);

// --- The header ----------------------------------------------------------------------------------------------------

const good = hmac(FINISHED);
const otherDigit = (digit) => (digit === "0" ? "1" : "0");
add("header_spellings", "128 hexadecimal digits and nothing else", FINISHED, [
  ["header_uppercase_hex", signature(good.toUpperCase()), "accept"],
  ["header_mixed_case", signature(good.replace(/[a-f]/, (digit) => digit.toUpperCase())), "accept"],
  ["header_surrounding_spaces", signature(`  ${good}\t`), "accept"],
  ["header_missing", signature(null), "reject"],
  ["header_empty", signature(""), "reject"],
  ["header_only_spaces", signature("   "), "reject"],
  ["header_127_chars", signature(good.slice(0, 127)), "reject"],
  ["header_129_chars", signature(`${good}0`), "reject"],
  ["header_126_chars", signature(good.slice(0, 126)), "reject"],
  ["header_64_chars", signature(good.slice(0, 64)), "reject"],
  ["header_sha512_prefix", signature(`sha512=${good}`), "reject"],
  ["header_0x_prefix", signature(`0x${good}`), "reject"],
  ["header_0x_in_place_of_digits", signature(`0x${good.slice(2)}`), "reject"],
  ["header_base64", signature(Buffer.from(good, "hex").toString("base64")), "reject"],
  ["header_quoted", signature(`"${good}"`), "reject"],
  ["header_twice_joined", signature(`${good}, ${good}`), "reject"],
  ["header_space_inside", signature(`${good.slice(0, 64)} ${good.slice(65)}`), "reject"],
  ["header_last_two_not_hex", signature(`${good.slice(0, 126)}zz`), "reject"],
  ["header_first_not_hex", signature(`g${good.slice(1)}`), "reject"],
  ["first_digit_changed", signature(otherDigit(good[0]) + good.slice(1)), "reject"],
  ["last_digit_changed", signature(good.slice(0, 127) + otherDigit(good[127])), "reject"],
  ["all_zero", signature("0".repeat(128)), "reject"],
], FINISHED_READ);

// --- The key -------------------------------------------------------------------------------------------------------

add("other_keys_and_hashes", "nothing but HMAC-SHA512 with the secret's text", FINISHED, [
  ["wrong_secret", signature(hmac(FINISHED, "another")), "reject"],
  ["empty_key", signature(hmac(FINISHED, "")), "reject"],
  ["key_base64_decoded", signature(hmac(FINISHED, Buffer.from("own-test-secret/1+Q==", "base64"))), "reject"],
  ["key_utf16", signature(hmac(FINISHED, Buffer.from(SECRET, "utf16le"))), "reject"],
  ["key_is_body", signature(hmac(SECRET, FINISHED)), "reject"],
  ["hmac_sha256_twice", signature(hmac(FINISHED, SECRET, "sha256").repeat(2)), "reject"],
  ["hmac_sha3_512", signature(hmac(FINISHED, SECRET, "sha3-512")), "reject"],
  ["plain_sha512_of_both", signature(createHash("sha512").update(SECRET + FINISHED).digest("hex")), "reject"],
  ["plain_sha512_of_body", signature(createHash("sha512").update(FINISHED).digest("hex")), "reject"],
], FINISHED_READ);
const SMALL = '{"payment_id":4479000001,"payment_status":"finished"}';
add("secret_with_spaces", "trimmed", SMALL, [["raw", signature(hmac(SMALL, "own secret")), "accept"], ["key_untrimmed", signature(hmac(SMALL, " own secret\n")), "reject"]],
  read(), " own secret\n");
add("secret_like_base64", "never decoded", SMALL, [taken("raw", SMALL), ["key_base64_decoded", signature(hmac(SMALL, Buffer.from("c2VjcmV0", "base64"))), "reject"]], read(), "c2VjcmV0");
add("secret_non_ascii", "its UTF-8", SMALL, [taken("raw", SMALL), ["key_latin1", signature(hmac(SMALL, Buffer.from("clé", "latin1"))), "reject"]], read(), "clé");
for (const [name, secret] of [["secret_empty", ""], ["secret_of_spaces", " \t "]]) {
  add(name, "is none, and nothing is taken", SMALL, [
    ["empty_key", signature(hmac(SMALL, "")), "reject"], ["key_as_given", signature(hmac(SMALL, secret)), "reject"],
  ], read(), secret);
}

// --- The body was altered ------------------------------------------------------------------------------------------

const altered = (name, body, parsed) =>
  add(name, "the signature of the body as it was", body, [refused("original_raw", FINISHED)], parsed);
altered("altered_status", FINISHED.replace("finished", "refunded"), { ...FINISHED_READ, status: "refunded" });
altered("altered_amount", FINISHED.replace('"price_amount":20.5', '"price_amount":2.05'), { ...FINISHED_READ, price_amount: "2.05" });
altered("altered_fee", FINISHED.replace("0.000002", "0.000003"), FINISHED_READ);
altered("altered_order", FINISHED.replace("ord_7/a", "ord_8/a"), { ...FINISHED_READ, order_id: "ord_8/a" });
altered("number_made_a_string", FINISHED.replace('"pay_amount":0.01204', '"pay_amount":"0.01204"'), FINISHED_READ);
altered("member_added", FINISHED.replace("{", '{"x":null,'), FINISHED_READ);
altered("member_removed", FINISHED.replace('"order_id":"ord_7/a",', ""), { ...FINISHED_READ, order_id: null });

// --- Refused whatever the signature says ---------------------------------------------------------------------------

const shape = (name, note, body) => add(name, note, body, [["raw", signature(hmac(body)), "reject"]]);
shape("byte_order_mark", "", `\ufeff${SMALL}`);
shape("nothing", "", "");
shape("not_json_trailing_comma", "", '{"payment_id":4479000001,}');
shape("not_json_nan", "", '{"payment_id":4479000001,"x":NaN}');
shape("not_json_plus", "", '{"payment_id":+4479000001}');
shape("not_json_leading_zero", "", '{"payment_id":04479000001}');
shape("not_json_control_character", "", '{"payment_id":4479000001,"x":"a\nb"}');
shape("not_json_single_quotes", "", "{'payment_id':4479000001}");
shape("two_objects", "", SMALL + SMALL);
shape("text_after_it", "", `${SMALL}x`);
shape("an_array", "", `[${SMALL}]`);
shape("a_string", "", '"payment_id"');
shape("key_twice", "", '{"payment_id":4479000001,"payment_status":"waiting","payment_status":"finished"}');
shape("key_twice_in_fee", "", '{"fee":{"a":1,"a":1},"payment_id":4479000001,"payment_status":"finished"}');
shape("key_twice_once_escaped", "compared after unescaping", '{"payment_id":4479000001,"payment_\\u0069d":4479000002,"payment_status":"finished"}');
shape("key_twice_far_down", "", '{"payment_id":4479000001,"payment_status":"finished","x":[{"y":[{"z":1,"z":2}]}]}');
shape("lone_surrogate", "", '{"order_id":"\\ud800","payment_id":4479000001,"payment_status":"finished"}');
shape("lone_surrogate_as_key", "", '{"\\udc00":1,"payment_id":4479000001,"payment_status":"finished"}');
shape("seventeen_levels", "", `{"payment_id":4479000001,"payment_status":"finished","x":${"[".repeat(16)}${"]".repeat(16)}}`);
shape("not_utf8", "", Buffer.concat([Buffer.from('{"order_id":"caf'), Buffer.from([0xe9]), Buffer.from('","payment_id":4479000001}')]));
shape("overlong_utf8", "", Buffer.concat([Buffer.from('{"order_id":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('","payment_id":4479000001}')]));

process.stdout.write(`[\n${vectors.map((vector) => JSON.stringify(vector)).join(",\n")}\n]\n`);
