# Two other nodes want to lead. A vote leaves the host only after it is on disk, it is repeated and never changed within
# an epoch, and while it is promised nobody else gets one, in a later epoch neither.                 V1 V2 M4
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=2 nodes=3 down-after=10000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
seed 1

at 0ms wake
       > announce event={level=warning group=cache name=+monitor payload="master cache 10.0.0.1 6379 quorum 2"}
       > connect link=10.0.0.1:6379#1 group=cache target=server channel=command
       > connect link=10.0.0.1:6379#2 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[]}
# Only an opinion is asked: answered at once, without a vote.
at 1ms requested call=1 request=is-master-down{master=10.0.0.1:6379 epoch=7}
       > reply call=1 reply=vote{down=false epoch=0}
at 2ms requested call=2 request=is-master-down{master=10.0.0.1:6379 epoch=7 candidate=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb}
       > announce event={level=warning group=cache name=+new-epoch payload="7"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 7"}
       > save seq=1 state={epoch=7 groups={cache={master=10.0.0.1:6379 config-epoch=0 vote={epoch=7 leader=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb} servers=[10.0.0.1:6379] peers=[]}}}
at 3ms requested call=3 request=is-master-down{master=10.0.0.1:6379 epoch=7 candidate=cccccccccccccccccccccccccccccccccccccccc}
# The disk answers, then we do: both are told of the same vote.
at 9ms saved seq=1
       > reply call=2 reply=vote{down=false leader=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb epoch=7}
       > reply call=3 reply=vote{down=false leader=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb epoch=7}
at 10ms requested call=4 request=is-master-down{master=10.0.0.1:6379 epoch=8 candidate=cccccccccccccccccccccccccccccccccccccccc}
       > announce event={level=warning group=cache name=+new-epoch payload="8"}
       > save seq=2 state={epoch=8 groups={cache={master=10.0.0.1:6379 config-epoch=0 vote={epoch=7 leader=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb} servers=[10.0.0.1:6379] peers=[]}}}
at 12ms saved seq=2
       > reply call=4 reply=vote{down=false leader=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb epoch=7}
# A question about an address that is not our master's gets no vote, whoever asks.
at 13ms requested call=5 request=is-master-down{master=10.0.0.2:6379 epoch=9 candidate=cccccccccccccccccccccccccccccccccccccccc}
       > reply call=5 reply=vote{down=false epoch=0}
# The promise (2.5 s) is over: a later epoch may have our vote.
at 900ms connected link=10.0.0.1:6379#1
       > send link=10.0.0.1:6379#1 ask=auth
       > send link=10.0.0.1:6379#1 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.1:6379#1 ask=info
       > send link=10.0.0.1:6379#1 ask=ping
       > close link=10.0.0.1:6379#2
       > connect link=10.0.0.1:6379#3 group=cache target=server channel=hello
       > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,8,cache,10.0.0.1,6379,0"}
at 901ms answered link=10.0.0.1:6379#1 answer=ok
at 901ms answered link=10.0.0.1:6379#1 answer=ok
at 901ms answered link=10.0.0.1:6379#1 answer=pong
until 2502ms
  at 1400ms wake
         > close link=10.0.0.1:6379#3
         > connect link=10.0.0.1:6379#4 group=cache target=server channel=hello
  at 1900ms wake
         > close link=10.0.0.1:6379#4
         > connect link=10.0.0.1:6379#5 group=cache target=server channel=hello
         > send link=10.0.0.1:6379#1 ask=info
         > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,8,cache,10.0.0.1,6379,0"}
  at 2400ms wake
         > close link=10.0.0.1:6379#5
         > connect link=10.0.0.1:6379#6 group=cache target=server channel=hello
at 2503ms requested call=6 request=is-master-down{master=10.0.0.1:6379 epoch=10 candidate=cccccccccccccccccccccccccccccccccccccccc}
       > announce event={level=warning group=cache name=+new-epoch payload="10"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="cccccccccccccccccccccccccccccccccccccccc 10"}
       > save seq=3 state={epoch=10 groups={cache={master=10.0.0.1:6379 config-epoch=0 vote={epoch=10 leader=cccccccccccccccccccccccccccccccccccccccc} servers=[10.0.0.1:6379] peers=[]}}}
# A disk that cannot be written gives no vote.
at 2504ms save-failed seq=3
       > reply call=6 reply=vote{down=false epoch=0}
       > announce event={level=warning name=-state-not-saved payload="no vote is given until the state can be written; trying again in 1 s"}
