# A cloud moves it: asked first whether it is here, fetched, asked now and then, and given back at the end, with another look whether that is so.
config addresses={eip={interface=eth0 held=[10.0.0.100/32] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=command{check=10000ms}}}

at 0ms startup left=[] handed-over=false
       > run address=eip nr=1 job=check
       > changed address=eip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 50ms ran address=eip nr=1 end=failed("status 1")
until 100ms
at 100ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > run address=eip nr=2 job=up
until 500ms
at 500ms ran address=eip nr=2 end=failed("the API answered 503")
       > tell address=eip is-bad=true text="the command to fetch it failed (1 in a row): the API answered 503. It is run again after a pause."
until 1600ms
  at 1500ms wake
         > run address=eip nr=3 job=check
until 1700ms
at 1700ms ran address=eip nr=3 end=failed("status 1")
       > run address=eip nr=4 job=up
until 1900ms
at 1900ms ran address=eip nr=4 end=done
       > will address=eip remove=[[eth0 10.0.0.100/32]] say=[]
       > put interface=eth0 address=10.0.0.100/32
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=eip
       > changed address=eip from=backup to=active priority=100 why="the agreed master of cache is on this host"
until 12000ms
  at 2000ms wake
         > tickle address=eip
  at 2200ms wake
         > tickle address=eip
  at 2500ms wake
         > tickle address=eip
  at 2900ms wake
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=eip
  at 3900ms wake
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=eip
  at 4900ms wake
         > announce interface=eth0 ips=[10.0.0.100]
  at 5900ms wake
         > announce interface=eth0 ips=[10.0.0.100]
  at 6900ms wake
         > tickle address=eip
  at 11900ms wake
         > run address=eip nr=5 job=check
         > tickle address=eip
at 12010ms ran address=eip nr=5 end=failed("status 1")
       > tell address=eip is-bad=true text="its command says that it is not here any more, and not by an order of ours; it is fetched back"
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/32
       > run address=eip nr=6 job=up
       > will address=eip remove=[] say=[]
       > changed address=eip from=active to=backup priority=100 why="its command to fetch it is running"
until 12500ms
at 12500ms ran address=eip nr=6 end=done
       > will address=eip remove=[[eth0 10.0.0.100/32]] say=[]
       > put interface=eth0 address=10.0.0.100/32
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=eip
       > changed address=eip from=backup to=active priority=100 why="the agreed master of cache is on this host"
until 13000ms
  at 12600ms wake
         > tickle address=eip
  at 12800ms wake
         > tickle address=eip
at 13000ms viewed view={group=cache epoch=2 phase=steady master=10.0.0.2:6379 replicas=[]}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/32
       > run address=eip nr=7 job=down
       > will address=eip remove=[] say=[]
       > changed address=eip from=active to=backup priority=100 why="the agreed master of cache is 10.0.0.2:6379, which is not on this host"
until 13500ms
at 13500ms ran address=eip nr=7 end=done
       > run address=eip nr=8 job=check
until 13600ms
at 13600ms ran address=eip nr=8 end=done
       > tell address=eip is-bad=true text="the command to give it back failed (1 in a row): it is still here after that. It is run again after a pause."
until 14600ms
  at 14600ms wake
         > run address=eip nr=9 job=down
until 14700ms
at 14700ms ran address=eip nr=9 end=done
       > run address=eip nr=10 job=check
until 14800ms
at 14800ms ran address=eip nr=10 end=failed("status 1")
# Of what is not running nothing is believed.
at 14900ms ran address=eip nr=10 end=done
at 15000ms shutdown
       > changed address=eip from=backup to=initialize priority=100 why=stopped
       > ended
