<?php
// A service behind wxgate, in PHP 8: who calls, by the headers or by the signed assertion.
// Run it by `php -S 127.0.0.1:3000 service.php`. It needs the extensions openssl and sodium; apcu keeps the keys.
declare(strict_types=1);

/** Who calls, where nobody but the gateway can reach this service; null: nobody is signed in. */
function by_headers(array $server): ?array
{
    $openid = $server['HTTP_X_WX_OPENID'] ?? null;
    return $openid === null ? null : ['openid' => $openid, 'phone' => $server['HTTP_X_WX_PHONE'] ?? null];
}

/** Who calls, as the gateway has signed it: nothing else of the request is believed. */
function by_assertion(array $server, string $audience): ?array
{
    $parts = explode('.', $server['HTTP_X_WX_ASSERTION'] ?? '');
    if (count($parts) !== 3) {
        return null;
    }
    $head = json_decode(decoded($parts[0]), true);
    $key = is_array($head) && is_string($head['kid'] ?? null) ? key_named($head['kid']) : null;
    // The algorithm is the key's. What the token says of it must fit, and decides nothing.
    if ($key === null || ($head['alg'] ?? null) !== $key['alg']
        || !is_signed("$parts[0].$parts[1]", decoded($parts[2]), $key)) {
        return null;
    }
    $claims = json_decode(decoded($parts[1]), true);
    $good = $claims['iss'] === 'wxgate' && $claims['aud'] === $audience && $claims['exp'] > time();
    return $good ? ['openid' => $claims['sub'], 'phone' => $claims['phone'] ?? null] : null;
}

function is_signed(string $text, string $signature, array $key): bool
{
    $x = decoded($key['x']);
    if ($key['crv'] === 'Ed25519') {
        return strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
            && sodium_crypto_sign_verify_detached($signature, $text, $x);
    }
    if ($key['crv'] !== 'P-256' || strlen($signature) !== 64) {
        return false;
    }
    // openssl takes the key in X.509 (RFC 5480) and the signature as two numbers in DER.
    $der = hex2bin('3059301306072a8648ce3d020106082a8648ce3d030107034200') . "\x04" . $x . decoded($key['y']);
    $pem = "-----BEGIN PUBLIC KEY-----\n" . base64_encode($der) . "\n-----END PUBLIC KEY-----\n";
    $numbers = implode('', array_map('der_number', str_split($signature, 32)));
    return openssl_verify($text, "\x30" . chr(strlen($numbers)) . $numbers, $pem, OPENSSL_ALGO_SHA256) === 1;
}

function der_number(string $bytes): string
{
    $bytes = ltrim($bytes, "\0");
    if ($bytes === '' || ord($bytes[0]) > 127) {
        $bytes = "\0" . $bytes;
    }
    return "\x02" . chr(strlen($bytes)) . $bytes;
}

/** A public key of the gateway's: asked for again when it was not seen. */
function key_named(string $kid): ?array
{
    $cached = function_exists('apcu_fetch') ? (apcu_fetch('wxgate keys') ?: []) : [];
    foreach ([fn () => $cached, 'keys'] as $source) {
        foreach ($source() as $key) {
            if ($key['kid'] === $kid) {
                return $key;
            }
        }
    }
    return null;
}

function keys(): array
{
    $context = stream_context_create(['http' => ['timeout' => 5]]);
    $set = @file_get_contents(getenv('GATEWAY') . '/wxgate/jwks.json', false, $context);
    if ($set === false) {
        throw new RuntimeException('the keys cannot be had: that is not the caller\'s fault');
    }
    $keys = json_decode($set, true)['keys'];
    if (function_exists('apcu_store')) {
        apcu_store('wxgate keys', $keys, 300);
    }
    return $keys;
}

function decoded(string $part): string
{
    return (string) base64_decode(strtr($part, '-_', '+/'), true);
}

// `to` of the route in gateway.toml, without a path.
$audience = getenv('AUDIENCE') ?: "http://127.0.0.1:{$_SERVER['SERVER_PORT']}";
try {
    $plain = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) === '/headers';
    $caller = $plain ? by_headers($_SERVER) : by_assertion($_SERVER, $audience);
    http_response_code($caller === null ? 401 : 200);
    $answer = $caller ?? ['error' => 'sign in'];
} catch (RuntimeException) {
    http_response_code(503);
    $answer = ['error' => 'no keys'];
}
header('Content-Type: application/json');
echo json_encode($answer);
