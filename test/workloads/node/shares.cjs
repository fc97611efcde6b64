// Two functions that do the same, one three times as often: it takes three quarters of the time. Argument: seconds.

function often(rounds) {
  let sum = 0
  for (let i = 0; i < rounds; i++) sum = (sum * 17 + i) % 1000003
  return sum
}

function seldom(rounds) {
  let sum = 0
  for (let i = 0; i < rounds; i++) sum = (sum * 17 + i) % 1000003
  return sum
}

function main(until) {
  let sum = 0
  while (Date.now() < until) {
    // Of another length each time: a sampler's fixed rate would run in step with rounds of one length, and show any share.
    const rounds = 1 + Math.floor(Math.random() * 200_000)
    sum += often(3 * rounds) + seldom(rounds)
  }
  return sum
}

console.log(main(Date.now() + Number(process.argv[2]) * 1000))
