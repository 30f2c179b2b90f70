//! RFC 2018, sections 3 and 4: the SACK blocks that a receiver gives.

mod support;

use support::script::Script;

#[test] // section 4: the first block is of the segment that just came
fn the_first_block_is_the_newest() {
    Script::established().run(
        "
        +0.000 <  .  1001:2001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:2001>
        +0.000 <  .  3001:4001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 3001:4001 1001:2001>
        +0.000 <  .  2001:2501(500) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 1001:2501 3001:4001>
        ",
    );
}

#[test]
fn blocks_that_meet_become_one() {
    Script::established().run(
        "
        +0.000 <  .  101:201(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 101:201>
        +0.000 <  .  301:401(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 301:401 101:201>
        +0.000 <  .  201:301(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 101:401>
        +0.000 <  .  1:101(100) ack 1
        +0.000 >  .  1:1(0) ack 401 <>
        ",
    );
}

#[test] // section 3: four blocks, three beside timestamps
fn no_more_blocks_than_there_is_room() {
    Script::established().run(
        "
        +0.000 <  .  101:201(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 101:201>
        +0.000 <  .  301:401(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 301:401 101:201>
        +0.000 <  .  501:601(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 501:601 301:401 101:201>
        +0.000 <  .  701:801(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 701:801 501:601 301:401 101:201>
        +0.000 <  .  901:1001(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 901:1001 701:801 501:601 301:401>
        ",
    );
    Script::established().timestamps().run(
        "
        +0.000 <  .  101:201(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 101:201>
        +0.000 <  .  301:401(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 301:401 101:201>
        +0.000 <  .  501:601(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 501:601 301:401 101:201>
        +0.000 <  .  701:801(100) ack 1 <TS val 50 ecr 0>
        +0.000 >  .  1:1(0) ack 1 <TS val 10 ecr 0,sack 701:801 501:601 301:401>
        ",
    );
}

#[test]
fn without_the_agreement_there_are_no_blocks() {
    Script::established().sack(false).run(
        "
        +0.000 <  .  1001:2001(1000) ack 1
        +0.000 >  .  1:1(0) ack 1 <>
        ",
    );
}

#[test] // what is reported is kept: no reneging
fn what_was_reported_is_delivered() {
    Script::established().run(
        "
        +0.000 <  .  101:201(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 101:201>
        +0.000 <  .  51:151(100) ack 1
        +0.000 >  .  1:1(0) ack 1 <sack 101:151 51:201>   # RFC 2883
        +0.000 <  .  1:61(60) ack 1
        +0.000 >  .  1:1(0) ack 201 <sack 51:61>
        +0.000 read 200
        ",
    );
}

#[test] // TCP.md, section 3: one-byte segments exhaust reassembly
fn scattered_bytes_are_bounded_and_the_stream_goes_on() {
    let mut script = String::new();
    for index in 1..=400 {
        let (seq, end) = (index * 10, index * 10 + 1);
        script.push_str(&format!("+0 < . {seq}:{end}(1) ack 1\n+0 ~\n"));
    }
    script.push_str("+0 < . 1:1001(1000) ack 1\n+0 ~\n+0 read 1000\n");
    script.push_str("+0 < . 1001:5001(4000) ack 1\n+0 ~\n+0 read 4000\n+0 = ESTABLISHED\n");
    Script::established().run_then(&script, |run| {
        let id = run.connection.expect("open");
        let info = run.stack.info(run.now, id).expect("alive");
        assert!(info.buffers <= 2 * 65_535, "{} bytes held", info.buffers);
    });
}

#[test] // TCP.md, section 3: SACK arithmetic at 2^31; what lies is ignored
fn blocks_of_the_peer_that_cannot_be_are_ignored() {
    Script::established().mss(1000).run(
        "
        +0.000 write 2000
        +0.000 >  .  1:1001(1000) ack 1
        +0.000 >  P. 1001:2001(1000) ack 1
        +0.001 <  .  1:1(0) ack 1 win 60000 <sack 2001:1001>
        +0.001 <  .  1:1(0) ack 1 win 61000 <sack 2147483649:2147483750>
        +0.001 <  .  1:1(0) ack 1 win 62000 <sack -2000:-1000>
        +0.001 <  .  1:1(0) ack 1 win 63000 <sack 5001:6001>
        +0.010 <  .  1:1(0) ack 2001
        ",
    );
}
