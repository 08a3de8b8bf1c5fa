// Primes up to 167 that divide the primorial of the flawed generator; 2 is left out, since every modulus is odd.
const PRIMES: readonly number[] = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR = 65_537;

/**
 * Whether an RSA modulus has the fingerprint of the flawed generator of Infineon smart cards and TPMs (ROCA,
 * CVE-2017-15361): its residues are powers of 65537 for every one of these primes. Such a key can be factored; a sound
 * key has the fingerprint with a chance under 2^-25.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return PRIMES.every((prime) => powersOfGenerator(prime).has(Number(modulus % BigInt(prime))));
}

function powersOfGenerator(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power);
  return powers;
}
